"""A certificate authority for one run, and the certificate that the lab's mail servers show.

It exists so that TLS upstream is real, with names checked, and trust comes from a `ca-file` alone. It refuses to be trusted by
anything else: the keys live and die with the run.
"""

import ssl

from .processes import run

NAME = "mail.lab.example"


class Pki:
    def __init__(self, folder, address, names=(NAME, "localhost")):
        folder.mkdir()
        self.ca = folder / "ca.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        ca_key, request, extensions = folder / "ca.key", folder / "server.csr", folder / "server.ext"
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

        run("openssl", "req", "-x509", *new_key, "-keyout", ca_key, "-out", self.ca, "-days", "2", "-subj", "/CN=Gatepost lab CA",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        run("openssl", "req", *new_key, "-keyout", self.key, "-out", request, "-subj", f"/CN={NAME}")
        extensions.write_text(  # the address as a name, too: some programs compare nothing else
            f"subjectAltName=IP:{address},DNS:{address},{','.join(f'DNS:{name}' for name in names)}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n"
        )
        run("openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial",
            "-days", "2", "-extfile", extensions, "-out", self.certificate)

    def client_context(self):
        """TLS for a client that trusts the lab and nothing else."""
        return ssl.create_default_context(cafile=str(self.ca))
