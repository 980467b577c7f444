"""What the pages say to type at the system around the daemon: systemd, its clock service, ssh from another machine, Azure's own address,
Postfix, Exim and Squid as Debian has them.

It exists because such a line is typed by whoever has a fault before them already. Nothing of a line is changed. It refuses to set the
clock, which all who are on this computer share: systemd's clock service is switched on, and does not run on a machine of tests.
"""

import re

from lab.guide import DOCS, block, code, of_fault, of_faults, of_sentence, shell_lines, typed
from lab.password import hashed
from server import ANN, CONFIGURATION, PASSWORD, Server

OF_EXIM = "/src/tests/real/clients/built/exim"
PORT = 26  # one that gatepost.socket does not have
# In the place of a person before the editor that `systemctl edit` opens.
EDITOR = f"""#!/bin/sh
exec sed -i '2a [Socket]\\nListenStream={PORT}' "$1"
"""
# Another machine on the same network, with a key for this one, and sshd here as Debian has it.
DESK = r"""
ip netns add desk
ip link add desk0 type veth peer name eth0 netns desk
ip addr add 192.0.2.1/24 dev desk0 && ip link set desk0 up
nsenter --net=/run/netns/desk sh -euc 'ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up; ip link set lo up'
echo 192.0.2.1 mailhost >>/etc/hosts
rm -rf ~/.ssh && mkdir -m 700 ~/.ssh
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 && cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
getent passwd sshd || useradd --system --home-dir /run/sshd --shell /usr/sbin/nologin sshd
cp /usr/share/openssh/sshd_config /etc/ssh/ && ssh-keygen -A && systemctl start ssh
"""
# What the guide of Exim says of Debian's own configuration: lines, their files, what is chosen and typed behind the command.
OF_DEBIAN = (
    r"put `([^`]*)` into `([^`]*)`, and `([^`]*)` into `([^`]*)`, .*? `dpkg-reconfigure [^`]*`: \"([^\"]*)\", smarthost `([^`]*)`"
)
AT_DESK = "nsenter --net=/run/netns/desk "
SOCKETS = "sudo systemctl restart gatepost.socket"
OF_AZURE = "169.254.169.254"


class System(Server):
    def starts(self):
        self.demo()
        self.serves()
        self.configures(self.machine.reads(CONFIGURATION))
        self.machine.types("systemctl daemon-reload && systemctl start gatepost")

    def listens_at(self, place):
        text = self.machine.reads(CONFIGURATION)
        self.machine.writes(CONFIGURATION, re.sub(r"(?m)^listen = .*", f'listen = ["{place}"]', text, count=1))

    def process(self):
        return self.machine.types("systemctl show -P MainPID gatepost").stdout.strip()

    def test_each_line_for_systemd_of_the_pages_of_faults_does_what_it_is_said_to(self):
        self.starts()
        machine, (own, *others) = self.machine, of_fault("port-not-permitted")
        self.assertEqual(own, "gatepost run")
        self.listens_at(f"127.0.0.1:{PORT}")
        machine.types("systemctl stop gatepost && ! systemctl start gatepost")
        self.assertIn("port-not-permitted", self.journal())

        def starts(line):
            machine.types(line)
            machine.types("systemctl is-active gatepost")

        def edits(line):
            self.edits(line)
            self.listens_at(f"systemd:{PORT}")

        def restarts(line):
            before = self.process()
            machine.types(line)
            self.assertNotEqual(self.process(), before)

        def reloads(line):
            before = self.process()
            machine.types(line)
            machine.waits_for("the file to be read", "journalctl -u gatepost --no-pager | grep 'configuration read again'")
            self.assertEqual(self.process(), before)

        does = {
            "sudo systemctl start gatepost": starts, "sudo systemctl stop gatepost": machine.types,
            "sudo systemctl enable --now gatepost.socket": machine.types,
            of_sentence("systemd.md", "sudo systemctl edit gatepost.socket"): edits,
            of_sentence("systemd.md", "sudo systemctl restart gatepost"): restarts,
            of_sentence("unattended.md", "sudo systemctl reload gatepost"): reloads,
        }
        self.assertEqual({line for line in of_faults() if " systemctl " in line} - {*does}, {SOCKETS})
        self.listens_at(f"127.0.0.1:{PORT + 2500}")
        for line in others:
            does[line](line)
        self.assertIn("220 ", machine.types(f"head -n 1 <>/dev/tcp/127.0.0.1/{PORT}").stdout)
        for line in {*does} - {*others}:
            does[line](line)

    def edits(self, line):
        machine = self.machine
        machine.types("rm -f /usr/bin/editor")
        machine.writes("/usr/bin/editor", EDITOR)
        machine.types("chmod 755 /usr/bin/editor")
        machine.types(line)

    def test_a_socket_that_was_not_handed_over_is_by_the_lines_of_its_page(self):
        self.starts()
        machine, (looks, edits, stops, sockets, restarts) = self.machine, of_fault("socket-not-handed-over")
        self.assertEqual(sockets, SOCKETS)
        machine.types("systemctl stop gatepost && systemctl start gatepost.socket gatepost")
        self.signs_in(f"as-gatepost gatepost login {ANN} --flow device")
        self.listens_at(f"systemd:{PORT}")
        self.assertIn("socket-not-handed-over", machine.types("as-gatepost gatepost doctor", check=False).stdout)
        self.assertNotIn(f"ListenStream={PORT}\n", machine.types(looks).stdout)
        self.edits(edits)
        for line in (stops, sockets, restarts):
            machine.types(line)
        self.assertIn(f"ListenStream={PORT}\n", machine.types(looks).stdout)
        self.assertIn("220 ", machine.types(f"head -n 1 <>/dev/tcp/127.0.0.1/{PORT}").stdout)

    def test_whoever_has_the_store_open_is_found_by_the_line_of_its_page(self):
        self.starts()
        looks, *_ = of_fault("store-locked")
        self.assertRegex(self.machine.types(looks).stdout, rf"\ngatepost +{self.process()} .*/gatepost\.db\b")

    def test_the_clock_service_is_switched_on_by_the_lines_of_the_page_and_asked(self):
        machine = self.machine
        sets, asks = of_fault("clock-skewed")
        self.assertEqual({line for line in of_faults() if "timedatectl" in line}, {"sudo timedatectl set-ntp true", "timedatectl show -p NTPSynchronized"})
        machine.types("systemctl disable systemd-timesyncd && ! systemctl is-enabled systemd-timesyncd")
        machine.types(sets)
        machine.types("systemctl is-enabled systemd-timesyncd")
        self.assertRegex(machine.types(asks).stdout, r"^NTPSynchronized=(yes|no)$")
        # It was asked to run; what may set the clock of all does not.
        machine.types("! systemctl is-active systemd-timesyncd")
        self.assertIn("was skipped because of an unmet condition check", machine.types("journalctl -u systemd-timesyncd --no-pager").stdout)

    def test_the_console_is_opened_on_another_machine_over_ssh(self):
        self.starts()
        machine = self.machine
        machine.types(DESK)
        machine.writes("~/.bash_profile", machine.prelude)
        tunnel, asks = (line for line in typed("console.md") if line.startswith(("ssh ", "as-gatepost ")))
        at = re.search(r"-L \d+:(\S+)", tunnel)[1]
        looks = f"{AT_DESK}curl -sSL -c /tmp/jar -b /tmp/jar http://{at}"
        machine.types(f"! {looks}")
        terminal = machine.terminal(AT_DESK + tunnel)
        self.addCleanup(terminal.close)
        terminal.until("(yes/no")
        terminal.types("yes")
        terminal.until("# ")
        terminal.types(asks)
        terminal.until(f"http://{at}/")
        link = terminal.until("\n").split()[0]
        self.assertRegex(machine.types(f"{looks}'/{link}'").stdout, r"<h1[^>]*>Overview")
        terminal.types("exit")
        self.assertEqual(terminal.process.wait(30), 0, terminal.said)
        machine.types(f"! {looks}")

    def test_whether_azure_tells_a_machine_who_it_is_is_asked_by_the_line_of_the_fault(self):
        """Gatepost goes the same way, to the address that it knows by itself."""
        self.demo()
        machine = self.machine
        (asks,) = of_fault("managed-identity-unreachable")
        text = code("unattended.md", 'grant = "managed-identity"').replace("orders@contoso.com", ANN)
        text = text.replace('"$argon2id$..."', f'"{hashed(self.bench.binary, PASSWORD)}"')
        servers = "".join(f'{name} = "{self.app[name]}"\n' for name in ("smtp", "imap", "pop3"))
        text = text.replace('grant = "managed-identity"\n', f'grant = "managed-identity"\n{servers}')
        machine.writes("/src/azure.toml", f'[network]\nca-file = "/etc/ssl/demo.pem"\n[console]\nlisten = "off"\n{text}')
        login = f"target/release/gatepost --config azure.toml login {ANN}"
        self.assertIn("managed-identity-unreachable", machine.types(login, check=False).stdout)
        machine.types(f"! {asks}")

        machine.types(f"ip addr add {OF_AZURE}/32 dev lo")
        demo = re.match(r"http://([^/]+)", self.app["token-url"])[1]
        machine.begins("Azure", f"exec systemd-socket-activate -l {OF_AZURE}:80 /lib/systemd/systemd-socket-proxyd {demo}")
        self.assertIn('"azEnvironment"', machine.waits_for("Azure", asks))
        self.assertIn("Required metadata header", machine.types(asks.replace("-H Metadata:true ", "")).stdout)
        machine.types(login)
        machine.types("target/release/gatepost --config azure.toml doctor")

    def test_postfix_takes_the_settings_of_the_guides_over_and_sends_by_the_commands_of_their_sentences(self):
        self.starts()
        machine = self.machine
        machine.types(f"as-gatepost gatepost logout {ANN} --yes; systemctl stop gatepost")
        listener = '[[listener]]\nprotocol = "smtp"\nlisten = ["127.0.0.1:1587"]\n'
        account = f'[[account]]\naddress = "{ANN}"\npassword = "{hashed(self.bench.binary, PASSWORD)}"\n'
        self.configures(f"[app.contoso]\nx = 1\n\n{listener}{account}")
        machine.types("systemctl start gatepost")
        self.signs_in(f"as-gatepost gatepost login {ANN} --flow device")
        machine.types("cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf && cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf")
        machine.types("postfix start")
        self.addCleanup(machine.types, "postfix stop", check=False)
        lists = of_sentence("devices/postfix.md", "mailq")
        elsewhere = of_sentence("coming-from-elsewhere.md", "postmap /etc/postfix/sasl_passwd && postfix reload")
        of_postfix = of_sentence("devices/postfix.md", "postfix reload")
        for page, user, takes_over in (
            ("coming-from-elsewhere.md", "ann@contoso.com:PASSWORD", elsewhere), ("devices/postfix.md", "postfix:what-was-shown", of_postfix),
        ):
            with self.subTest(page):
                passwords = block(page, "[127.0.0.1]:1587 ")
                self.assertIn(user, passwords)
                machine.writes("/etc/postfix/main.cf", machine.reads("/usr/share/postfix/main.cf.debian") + block(page, "relayhost = "))
                machine.writes("/etc/postfix/sasl_passwd", passwords.replace(user, f"{ANN}:{PASSWORD}"))
                machine.types(takes_over)
                machine.types(f"printf 'Subject: {user}\\n\\nx\\n' | sendmail -f {ANN} bob@contoso.example")
                machine.waits_for("an empty queue", f"{lists} | grep 'queue is empty'")
        self.assertEqual(self.journal().count("message accepted"), 2)

    def test_the_questions_of_debians_exim_make_a_relay_of_it_as_its_guide_answers_them(self):
        """Its package conflicts with Postfix's, which is on this machine, and asks the same all the same."""
        self.starts()
        machine = self.machine
        of_guide = code("devices/exim.md", 'name = "exim"')
        self.configures(f'[app.contoso]\nx = 1\n\n[[account]]\naddress = "{ANN}"\n\n{of_guide}')
        machine.types("systemctl restart gatepost")
        machine.types(f"DEBIAN_FRONTEND=noninteractive dpkg --force-conflicts --install {OF_EXIM}/config.deb </dev/null")
        machine.types(f"ln -s {OF_EXIM}/usr/sbin/exim4 /usr/sbin/exim4 && install -d -o Debian-exim /var/spool/exim4 /var/log/exim4")

        words = " ".join((DOCS / "devices/exim.md").read_text().split())
        login, kept, macro, macros, kind, smarthost = re.search(OF_DEBIAN, words).groups()
        machine.types(f"echo '{login.replace('what-was-shown', PASSWORD)}' >>{kept} && echo '{macro}' >>{macros}")
        pages = (DOCS / language / "devices/exim.md" for language in ("", "ja"))
        (mends,) = {line for page in pages for line in shell_lines(page) if line.startswith("sudo sed")}
        machine.types(mends)
        terminal = machine.terminal(of_sentence("devices/exim.md", "dpkg-reconfigure exim4-config"))
        self.addCleanup(terminal.close)
        for question, answer in (
            ("General type of mail configuration: ", None), ("System mail name: ", "server.contoso.com"), ("incoming SMTP connections: ", ""),
            ("mail is accepted: ", ""), ("domain name for local users: ", ""), ("outgoing smarthost: ", smarthost),
            ("(Dial-on-Demand)? [yes/no] ", "no"), ("Split configuration into small files? [yes/no] ", "no"), ("Root and postmaster mail recipient: ", ""),
        ):
            shown = terminal.until(question)
            terminal.types(re.search(rf"(\d)\. {kind}\n", shown)[1] if answer is None else answer)
        self.assertEqual(terminal.process.wait(60), 0, terminal.said)

        # It waits for the sign-in.
        machine.types(f"printf 'Subject: by Debian\\n\\nx\\n' | exim4 -odf -f {ANN} bob@contoso.example && exim4 -bp | grep bob@")
        self.signs_in(f"as-gatepost gatepost login {ANN} --flow device")
        machine.types("exim4 -qff")
        self.assertEqual(machine.types("exim4 -bp").stdout, "", machine.reads("/var/log/exim4/mainlog"))
        self.assertEqual(self.journal().count("message accepted"), 1)

    def test_squid_takes_the_lines_of_the_guide_over(self):
        machine = self.machine
        takes_over = of_sentence("corporate-network.md", "squid -k reconfigure")
        machine.types("squid && squid -k check")
        self.addCleanup(machine.types, "squid -k kill", check=False)
        asks = "curl -sS -m 10 -p -x http://127.0.0.1:3128 telnet://127.0.0.1:587"
        machine.waits_for("Squid", f"{asks} 2>&1 | grep 'response 403'")
        machine.writes("/etc/squid/conf.d/mail.conf", block("corporate-network.md", "acl SSL_ports"))
        machine.types(takes_over)
        machine.waits_for("the ports of mail", f"{asks} 2>&1 | grep 'response 503'")
