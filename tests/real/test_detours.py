"""Gatepost behind real proxies: tokens and all three mail protocols through Squid and through a SOCKS server.

The names of the servers are resolved by the proxies alone, so that nothing can go beside them; and what went through is read in
their own logs.
"""

import imaplib
import poplib
import smtplib
import urllib.parse

from bench import RealTest
from daemon import MAIL_PASSWORD, PORTS, Daemon
from lab import dovecot, postfix, proxies
from lab.authserver import PORT as AUTH_PORT
from lab.guide import typed
from lab.lab import free_address
from lab.pki import NAME
from lab.processes import wait_until
from lab.terminal import Terminal
from messages import assert_arrived, ordinary

MAIL_SERVERS = ("smtp.office365.com", "outlook.office365.com")
# A line of a shell, at a terminal, where these names are known.
WITH_HOSTS = 'mount --bind "$1" /etc/hosts; exec setsid --ctty --wait sh -c "$2"'
LOGIN = f"{urllib.parse.quote(proxies.USER, safe='')}:{urllib.parse.quote(proxies.PASSWORD, safe='')}"


class Detours(RealTest):
    @classmethod
    def setUpClass(cls):
        bench, lab, stack = cls.bench, cls.bench.lab, cls.bench.stack
        folder = bench.folder / "detours"
        folder.mkdir()
        names = f"{lab.address} {NAME} {' '.join(MAIL_SERVERS)}\n"
        cls.front = proxies.TlsFront(lab.address, lab.pki, (lab.address, AUTH_PORT))
        stack.callback(cls.front.stop)
        cls.squid = proxies.Squid(folder / "squid", lab.address, names)
        stack.callback(cls.squid.stop)
        cls.strict = proxies.Squid(folder / "squid-as-shipped", free_address(), names, more="")
        stack.callback(cls.strict.stop)
        cls.socks = proxies.Microsocks(folder / "microsocks", lab.address, names)
        stack.callback(cls.socks.stop)
        cls.open_socks = proxies.Microsocks(folder / "microsocks-for-all", free_address(), names, login=())
        stack.callback(cls.open_socks.stop)
        cls.gate = Daemon(bench.binary, folder / "gatepost", free_address(), lab)
        stack.callback(cls.gate.stop)
        cls.gate.wait_ready()
        for part in (cls.squid, cls.strict, cls.socks, cls.open_socks):
            part.wait_ready()
        cls.gate.sign_in(lab.authserver.url, bench.person(cls.user))
        # From here on every server has a name that this machine does not know.
        text = cls.gate.config.read_text().replace(f'token-url = "{lab.authserver.url}', f'token-url = "https://{NAME}')
        for port in (postfix.SUBMISSION_PORT, dovecot.IMAPS_PORT, dovecot.POP3S_PORT):
            text = text.replace(f'"{lab.address}:{port}"', f'"{NAME}:{port}"')
        cls.plain = text

    def through(self, proxy):
        """Restarts the daemon behind a proxy, with no token that is any good."""
        lines = "".join(f'{name}-proxy = "{proxy}"\n' for name in ("http", "mail")) if proxy else ""
        self.gate.config.write_text(self.plain.replace("[network]\n", f"[network]\n{lines}"))
        self.authserver.forget_access_tokens()
        self.gate.restart()

    def log_in_everywhere(self, subject):
        address, ports = self.gate.address, PORTS["off"]
        mail = ordinary(self.user, self.user, subject)
        with smtplib.SMTP(address, ports["smtp"], timeout=60) as smtp:
            smtp.login(self.user, MAIL_PASSWORD)
            smtp.sendmail(self.user, [self.user], mail)
        assert_arrived(mail, self.dovecot.wait_stored(self.user, subject))
        with imaplib.IMAP4(address, ports["imap"], timeout=60) as imap:
            imap.login(self.user, MAIL_PASSWORD)
            self.assertEqual(imap.select("INBOX"), ("OK", [b"1"]))
        pop3 = poplib.POP3(address, ports["pop3"], timeout=60)
        pop3.user(self.user)
        pop3.pass_(MAIL_PASSWORD)
        self.assertEqual(pop3.stat()[0], 1)
        pop3.quit()

    def assert_all_went_through(self, log, pattern):
        for port in (443, 587, 993, 995):
            self.assertIn(pattern.format(f"{NAME}:{port}"), log)

    def smtp_refusal(self):
        with smtplib.SMTP(self.gate.address, PORTS["off"]["smtp"], timeout=60) as smtp, \
             self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
            smtp.login(self.user, MAIL_PASSWORD)
        self.assertEqual(refused.exception.smtp_code, 454)
        return refused.exception.smtp_error.decode()

    def test_without_a_proxy_nothing_is_found(self):
        self.through(None)
        self.assertIn("[gatepost ", self.smtp_refusal())

    def test_tokens_and_mail_through_squid_with_a_password(self):
        before, asked = self.squid.log(), len(self.authserver.requests("token"))
        self.through(f"http://{LOGIN}@{self.squid.address}:{proxies.HTTP_PORT}")
        self.log_in_everywhere("through squid")
        self.assertGreater(len(self.authserver.requests("token")), asked)
        self.through(None)  # its log gets a tunnel's line at the tunnel's end
        wait_until("squid to tell of all tunnels", lambda: self.squid.log()[len(before):].count("TCP_TUNNEL/200") >= 4)
        self.assert_all_went_through(self.squid.log()[len(before):], "CONNECT {}")
        self.assertNotIn(proxies.PASSWORD, self.gate.part.said())

    def test_tokens_and_mail_through_a_socks_server_with_a_password(self):
        before, asked = self.socks.log(), len(self.authserver.requests("token"))
        self.through(f"socks5://{LOGIN}@{self.socks.address}:{proxies.SOCKS_PORT}")
        self.log_in_everywhere("through socks")
        self.assertGreater(len(self.authserver.requests("token")), asked)
        self.assert_all_went_through(self.socks.log()[len(before):], "connected to {}")

    def test_what_squid_refuses_is_told_in_words(self):
        """Of a squid as it is shipped: mail ports are not allowed, a wrong password is not, and tokens pass."""
        size = self.gate.log_size()
        self.through(f"http://{LOGIN}@{self.strict.address}:{proxies.HTTP_PORT}")
        self.assertIn("[gatepost proxy-forbids]", self.smtp_refusal())
        self.assertIn(f"{NAME}:587 through http://{self.strict.address}:{proxies.HTTP_PORT}: the proxy forbids it: HTTP 403",
                      self.gate.log_since(size))
        self.assertIn(f"CONNECT {NAME}:587", self.strict.log())

        self.through(f"http://{LOGIN}x@{self.squid.address}:{proxies.HTTP_PORT}")
        self.assertIn("[gatepost proxy-login-refused]", self.smtp_refusal())
        self.through(f"socks5://{LOGIN}x@{self.socks.address}:{proxies.SOCKS_PORT}")
        self.assertIn("[gatepost proxy-login-refused]", self.smtp_refusal())
        self.through(f"http://{self.socks.address}:{proxies.SOCKS_PORT}")
        self.assertIn("[gatepost proxy-unreachable]", self.smtp_refusal())

    def at_a_terminal(self, line, proxy):
        """A line of the guide, where the name of its proxy is that of one of ours."""
        hosts = self.bench.folder / "detours" / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{proxy.address} proxy.corp.example\n")
        terminal = Terminal(["unshare", "--mount", "sh", "-euc", WITH_HOSTS, "sh", str(hosts), line])
        self.addCleanup(terminal.close)
        return terminal

    def test_the_lines_of_the_guide_show_the_way_through_either_proxy(self):
        http, socks = (line for line in typed("corporate-network.md") if "proxy.corp.example" in line)
        terminal = self.at_a_terminal(http, self.squid)
        terminal.until(f"Enter proxy password for user '{proxies.PLAIN_USER}':")
        terminal.types(proxies.PASSWORD)
        terminal.until("< HTTP/1.1 200")
        terminal.until("220 ")
        terminal.interrupts()
        wait_until("squid to tell of it", lambda: f"CONNECT {MAIL_SERVERS[0]}:587" in self.squid.log())

        terminal = self.at_a_terminal(socks, self.open_socks)
        terminal.until("SOCKS5 request granted")
        terminal.interrupts()
        self.assertIn(f"connected to {MAIL_SERVERS[1]}:993", self.open_socks.log())
