"""A window of PowerShell in which an administrator signs in: which cmdlets there are, and what has to come ahead of them.

It exists so that what somebody pastes has an effect that can be looked at (`entra.py`, `exchange.py`). It refuses a cmdlet ahead of
its `Connect-`, a call whose scope was not asked for, and a cloud that is not the tenant's.
"""

from .directory import CLOUDS, TENANT_ID
from .values import Refused, Unknown, listed

KNOWN = {}


def exchange(name, asks=False):
    """A cmdlet of Exchange Online. `asks`: whether somebody means it, unless -Confirm:$false."""

    def known(function):
        KNOWN[name] = (function, None, asks)
        return function

    return known


def graph(name, *scopes):
    """A cmdlet of Microsoft Graph, and the scopes of which each is enough."""

    def known(function):
        KNOWN[name] = (function, scopes, False)
        return function

    return known


class Session:

    def __init__(self, directory):
        self.directory = directory
        self.has_exchange, self.graph_scopes = False, set()
        self.warnings, self.asked = [], []

    def perform(self, name, parameters):
        if name not in KNOWN:
            raise Unknown(f"nobody wrote down what {name} does")
        function, scopes, asks = KNOWN[name]
        confirmed = parameters.pop("Confirm", None)
        if scopes is None and not self.has_exchange:
            raise Refused(f"The term '{name}' is not recognized: Connect-ExchangeOnline first")
        if scopes and not self.graph_scopes:
            raise Refused("Authentication needed. Please call Connect-MgGraph")
        if scopes and not self.graph_scopes & set(scopes):
            raise Refused(f"Insufficient privileges to complete the operation: {name} needs one of {scopes}")
        if asks and confirmed is not False:
            self.asked.append(name)
        return listed(function(self, **parameters))

    def warn(self, text):
        self.warnings.append(text)


def boolean(value):
    if not isinstance(value, bool):
        raise Refused(f"Cannot convert value {value!r} to type System.Boolean")
    return value


def only(value, *allowed):
    if value not in allowed:
        raise Refused(f"Cannot process the value {value!r}: one of {allowed}")
    return value


def connect_exchange(session, ExchangeEnvironmentName="O365Default", ShowBanner=True):
    if only(ExchangeEnvironmentName, *CLOUDS.values()) != CLOUDS[session.directory.cloud]:
        raise Refused(f"the tenant is not in {ExchangeEnvironmentName}")
    session.has_exchange = True


def connect_graph(session, Scopes, TenantId=None, Environment="Global", NoWelcome=False):
    if only(Environment, *CLOUDS) != session.directory.cloud:
        raise Refused(f"the tenant is not in {Environment}")
    if TenantId not in (None, session.directory.domain, TENANT_ID):
        raise Refused(f"AADSTS90002: Tenant '{TenantId}' not found")
    session.graph_scopes |= set(listed(Scopes))


KNOWN["Connect-ExchangeOnline"] = (connect_exchange, (), False)
KNOWN["Connect-MgGraph"] = (connect_graph, (), False)
