"""A window of PowerShell in which an administrator signs in: which cmdlets there are, and what has to come ahead of them.

It exists so that what somebody pastes has an effect that can be looked at (`entra.py`, `exchange.py`). It refuses a cmdlet ahead of
its `Connect-`, a call whose scope was not asked for, and a cloud that is not the tenant's.
"""

from .directory import CLOUDS, TENANT_ID
from .values import NOTHING, Refused, Unknown, listed

KNOWN = {}


def exchange(name, asks=False):
    """A cmdlet of Exchange Online. `asks`: whether somebody means it, unless -Confirm:$false."""

    def known(function):
        KNOWN[name] = (function, None, asks)
        return function

    return known


def graph(name, *scopes):
    """A cmdlet of Microsoft Graph, and the scopes of which each is enough, the least first; a tuple of them is so together."""

    def known(function):
        KNOWN[name] = (function, [{one} if isinstance(one, str) else set(one) for one in scopes], False)
        return function

    return known


def is_enough(asked, scopes):
    return any(one <= asked for one in scopes)


class Session:

    def __init__(self, directory):
        self.directory = directory
        self.has_exchange, self.graph_scopes = False, set()
        self.warnings, self.asked, self.performed = [], [], []

    def perform(self, name, parameters):
        if name not in KNOWN:
            raise Unknown(f"nobody wrote down what {name} does")
        function, scopes, asks = KNOWN[name]
        confirmed = parameters.pop("Confirm", None)
        if scopes is None and not self.has_exchange:
            raise Refused(f"The term '{name}' is not recognized: Connect-ExchangeOnline first")
        if scopes and not self.graph_scopes:
            raise Refused("Authentication needed. Please call Connect-MgGraph")
        if scopes and not is_enough(self.graph_scopes, scopes):
            raise Refused(f"Insufficient privileges to complete the operation: {name} needs one of {scopes}")
        if asks and confirmed is not False:
            self.asked.append(name)
        self.performed.append(name)
        answer = function(self, **parameters)
        return listed(NOTHING if answer is None else answer)

    def least_scopes(self):
        """Without any one of which something that was done would have been refused."""
        needs = [KNOWN[name][1] for name in self.performed if KNOWN[name][1]]
        least = set().union(*(scopes[0] for scopes in needs))
        for one in sorted(least):
            if all(is_enough(least - {one}, scopes) for scopes in needs):
                least.remove(one)
        return least

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
    known = set().union(*(one for _, scopes, _ in KNOWN.values() for one in scopes or ()))
    if unknown := set(listed(Scopes)) - known:
        raise Unknown(f"nothing that we print needs {unknown}")
    session.graph_scopes |= set(listed(Scopes))


KNOWN["Connect-ExchangeOnline"] = (connect_exchange, [], False)
KNOWN["Connect-MgGraph"] = (connect_graph, [], False)
