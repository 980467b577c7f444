"""Let's Encrypt, as far as a machine of a test is asked: Pebble, its own test server, under the name and the address of the real one.

It exists so that certbot and lego are typed without a flag that no guide has. It refuses to certify a name that does not answer at port
80, as the real one does.
"""

import json

from .pki import Pki

NAME = "acme-v02.api.letsencrypt.org"
DIRECTORY, MANAGEMENT = 14000, 15000
DAYS = 20  # so that a certificate is due as soon as it is there: both clients renew what has less than 30 days left

CONFIGURATION = {
    "listenAddress": f"127.0.0.1:{DIRECTORY}", "managementListenAddress": f"127.0.0.1:{MANAGEMENT}",
    "certificate": "/srv/acme/server.pem", "privateKey": "/srv/acme/server.key",
    "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "certificateValidityPeriod": DAYS * 24 * 3600,
}

# Pebble has its directory elsewhere than Let's Encrypt.
FRONT = f"""
import http.server, ssl

class Front(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302 if self.path == "/directory" else 404)
        self.send_header("Location", "https://{NAME}:{DIRECTORY}/dir")
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Front)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("/srv/acme/server.pem", "/srv/acme/server.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


class Authority:
    """On a machine that knows no other one by that name, and trusts it as everybody trusts the real one."""

    def __init__(self, machine, hosts):
        """`hosts`: names in the DNS that lead to the machine."""
        folder = machine.folder / "acme"
        pki = Pki(folder, "127.0.0.1", (NAME,))
        machine.writes("/srv/acme/server.pem", pki.certificate.read_text())
        machine.writes("/srv/acme/server.key", pki.key.read_text())
        machine.writes("/srv/acme/pebble.json", json.dumps({"pebble": CONFIGURATION}))
        machine.writes("/srv/acme/front.py", FRONT)
        machine.types(f"echo 127.0.0.1 {NAME} {' '.join(hosts)} >>/etc/hosts")
        self._everybody_trusts(machine, pki.ca.read_text())
        served = (
            ("Pebble", "PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 exec pebble -config /srv/acme/pebble.json"),
            ("the front of Pebble", "exec /usr/bin/python3 /srv/acme/front.py"),
        )
        self.parts = [machine.begins(name, line) for name, line in served]
        machine.waits_for("Let's Encrypt", f"curl -sSfL https://{NAME}/directory")
        root = machine.waits_for("its root", f"curl -sSfk https://127.0.0.1:{MANAGEMENT}/roots/0")
        self._everybody_trusts(machine, root)

    @staticmethod
    def _everybody_trusts(machine, certificate):
        bundle = "/etc/ssl/certs/ca-certificates.crt"
        machine.writes(bundle, f"{machine.reads(bundle)}\n{certificate}")

    def said(self):
        return "\n".join(part.tail() for part in self.parts)
