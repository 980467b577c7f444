"""The OAuth server (npm's certified oidc-provider, in ../as): its people, its client, its address, and what was asked of it.

It exists so that sign-ins are real ones. It refuses to hand out a token by any way other than OAuth.
"""

import json
import urllib.request
from pathlib import Path

from .processes import Part

PORT = 8080
RESOURCE = "https://outlook.office.com"
MAIL_SCOPES = [f"{RESOURCE}/{name}" for name in ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send")]
TOKEN_LENGTH = 1800  # as long as real ones: short test tokens hide the bugs that long lines bring

SERVER = Path(__file__).resolve().parent.parent / "as" / "server.mjs"


class AuthServer:
    client_id = "gatepost"
    introspection_id = "dovecot"
    introspection_secret = "resource-server"
    scopes = [*MAIL_SCOPES, "offline_access"]

    def __init__(self, folder, address, people):
        self.url = f"http://{address}:{PORT}"
        self.people = people
        self.part = Part("the OAuth server", ["node", SERVER], folder / "authserver.log", text=json.dumps({
            "host": address,
            "port": PORT,
            "users": people,
            "clientId": self.client_id,
            "introspection": {"id": self.introspection_id, "secret": self.introspection_secret},
            "resource": RESOURCE,
            "scopes": MAIL_SCOPES,
            "tokenLength": TOKEN_LENGTH,
        }))

    def wait_ready(self):
        self.part.wait_ready(lambda: self.requests() is not None)

    @property
    def authorize_url(self):
        return f"{self.url}/auth"

    @property
    def token_url(self):
        return f"{self.url}/token"

    @property
    def device_url(self):
        return f"{self.url}/device/auth"

    @property
    def introspection_url(self):
        return f"http://{self.introspection_id}:{self.introspection_secret}@{self.url.removeprefix('http://')}/token/introspection"

    def requests(self, route=None):
        """What was asked of the server so far, oldest first: dicts with route, method, status, params and error."""
        return [request for request in self._lab("requests") if route in (None, request["route"])]

    def forget_access_tokens(self):
        """Every access token handed out so far stops working, long before its time. Refresh tokens stay good."""
        return self._lab("forget-access-tokens", method="POST")["forgotten"]

    def _lab(self, what, method="GET"):
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/lab/{what}", method=method), timeout=5) as answer:
            return json.load(answer)

    def stop(self):
        self.part.stop()
