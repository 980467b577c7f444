"""Two real proxies such as a company has: Squid, which wants a password for CONNECT, and microsocks, which wants one for SOCKS5.

They exist so that Gatepost's ways through proxies are held against programs of others. They alone resolve the name of the lab's
servers: whoever goes beside them finds nothing. They refuse everybody without the password, save where a test wants a SOCKS server with none.
"""

import contextlib
import shutil
import socket
import ssl
import threading

from .processes import Part, accepts, run

USER, PASSWORD = "gate post", "p@ss: w%rd/#"
PLAIN_USER = "svc-gatepost"  # of docs/corporate-network.md
HTTP_PORT, SOCKS_PORT, HTTPS_PORT = 3128, 1080, 443

SQUID = """
http_port {address}:{port}
hosts_file {folder}/hosts
auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/passwords
auth_param basic realm Lab
acl CONNECT method CONNECT
# As Debian ships it: 443 alone. What follows is what docs/corporate-network.md says to add.
acl SSL_ports port 443
{more}
acl known proxy_auth REQUIRED
http_access deny CONNECT !SSL_ports
http_access allow known
http_access deny all
cache deny all
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
dns_nameservers 127.0.0.1
shutdown_lifetime 0 seconds
pinger_enable off
"""
MAIL_PORTS = "acl SSL_ports port 587 993 995"


class Squid:
    def __init__(self, folder, address, names, more=MAIL_PORTS):
        folder.mkdir()
        self.folder, self.address = folder, address
        (folder / "hosts").write_text(names)
        hashed = run("openssl", "passwd", "-apr1", "-stdin", text=PASSWORD + "\n").stdout.strip()
        (folder / "passwords").write_text(f"{USER}:{hashed}\n{PLAIN_USER}:{hashed}\n")
        configuration = folder / "squid.conf"
        configuration.write_text(SQUID.format(address=address, port=HTTP_PORT, folder=folder, more=more))
        shutil.chown(folder, "proxy", "proxy")
        self.part = Part("Squid", ["squid", "-N", "-f", configuration], folder / "squid.log", cwd=folder)

    def wait_ready(self):
        self.part.wait_ready(accepts(self.address, HTTP_PORT))

    def log(self):
        log = self.folder / "access.log"
        return log.read_text() if log.exists() else ""

    def stop(self):
        self.part.stop()


class Microsocks:
    def __init__(self, folder, address, names, login=("-u", USER, "-P", PASSWORD)):
        folder.mkdir()
        (folder / "hosts").write_text(names)
        self.address = address
        words = ["microsocks", "-i", address, "-p", str(SOCKS_PORT), *login]
        environment = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(folder / "hosts")}
        self.part = Part("microsocks", words, folder / "microsocks.log", env=environment)

    def wait_ready(self):
        self.part.wait_ready(accepts(self.address, SOCKS_PORT))

    def log(self):
        return self.part.said()

    def stop(self):
        self.part.stop()


class TlsFront:
    """TLS in front of the OAuth server, which itself speaks plain: tokens are fetched by https beyond this machine."""

    def __init__(self, address, pki, target):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.certificate, pki.key)
        self.target = target
        self.listener = context.wrap_socket(socket.create_server((address, HTTPS_PORT)), server_side=True)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        far = socket.create_connection(self.target, timeout=20)
        back = threading.Thread(target=self._copy, args=(far, near), daemon=True)
        back.start()
        self._copy(near, far)
        back.join()

    @staticmethod
    def _copy(source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def stop(self):
        self.listener.close()
