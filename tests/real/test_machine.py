"""The guides of a server, typed from their first line to their last on a machine of their own: the service under a real systemd with
its credentials and sockets, a certificate of Let's Encrypt, the copies, a container.

It exists because such a line is believed until somebody sits before a service that does not start. What the reader has and the machine
has not (a tenant) is that of the demo. It refuses to leave a line out (`server.py`).
"""

import re

from lab import engine
from lab.authority import Authority
from lab.guide import DOCS, block, code, of_sentence, typed
from lab.sandbox import APP_ID, APP_SECRET
from server import ANN, CONFIGURATION, PASSWORD, READY, UNIT, Server

SEALED = "/etc/gatepost/gatepost.key.cred"
CREDENTIAL = f"LoadCredentialEncrypted=gatepost.key:{SEALED}"
UNCOMMENT = f"sed -i 's|^# {CREDENTIAL}|{CREDENTIAL}|' {UNIT} && grep ^{CREDENTIAL} {UNIT}"
NAME = "mail.contoso.com"
SERVED, NUMBER = f"openssl s_client -starttls smtp -connect {NAME}:587 </dev/null 2>/dev/null", "openssl x509 -noout -serial"
SHOWN, KEY = "/var/lib/gatepost/public-cert.pem", "/var/lib/gatepost/public-key.pem"
# What somebody comes with, as far as it is read before anybody signed in.
OLD = """
[IMAP-1993]
server_address = outlook.office365.com
server_port = 993
local_address = 127.0.0.1

[{user}]
permission_url = {app[authorize-url]}
token_url = {app[token-url]}
oauth2_scope = https://outlook.office365.com/IMAP.AccessAsUser.All offline_access
redirect_uri = http://localhost
client_id = {app[client-id]}
"""


class Servers(Server):
    def test_a_service_is_set_up_by_the_lines_of_its_guide(self):
        self.demo()
        machine = self.machine

        def checks_first(line):
            self.configures(machine.reads(CONFIGURATION))
            return machine.types(line).stdout

        def seals(line):
            self.assertRegex(self.status(), READY)
            machine.types("systemctl stop gatepost && rm -r /var/lib/private/gatepost")  # "before the first start"
            machine.types(line)
            machine.types(UNCOMMENT)
            machine.types("systemctl daemon-reload && systemctl start gatepost")
            machine.types("! test -e /var/lib/gatepost/key")
            refused = machine.types("as-gatepost gatepost backup copy.db", check=False)
            self.assertIn("the key file /var/lib/gatepost/key is missing", refused.stdout)
            machine.types(f"as-gatepost -p {CREDENTIAL} gatepost backup /var/lib/gatepost/copy.db")

        def stops(line):
            machine.types(line)
            machine.writes("/etc/systemd/system/gatepost.socket.d/override.conf", block("systemd.md", "[Socket]"))
            machine.types("systemctl daemon-reload")
            text = machine.reads(CONFIGURATION)
            listener = code("systemd.md", 'listen = ["systemd:587"]')
            machine.writes(CONFIGURATION, re.sub(r"\[\[listener\]\]\n(?:.+\n)+", listener, text))

        said = self.follows("systemd.md", {
            "gatepost config check": checks_first,
            "as-gatepost gatepost login *": self.signs_in,
            "openssl rand 32 *": seals,
            "sudo systemctl stop *": stops,
        })
        self.assertIn("Started gatepost.service", said["journalctl -u gatepost"])
        self.assertIn(ANN, said["as-gatepost gatepost status"])
        self.assertIn("587", machine.types("ss -Hltn 'sport < 1024'").stdout)
        self.assertIn("configuration read again", self.journal())

    def test_a_service_is_copied_and_restored_and_its_key_that_is_a_credential_is_changed(self):
        self.demo()
        self.serves()
        machine = self.machine
        self.configures(machine.reads(CONFIGURATION))
        machine.types("mkdir -p /safe /var/backups && systemctl daemon-reload && systemctl start gatepost")
        self.signs_in(f"as-gatepost gatepost login {ANN} --flow device")

        copies = of_sentence("backup.md", 'sqlite3 gatepost.db ".backup copy.db"')
        counts = "SELECT (SELECT count(*) FROM sqlite_schema), * FROM pragma_integrity_check"
        looks = "".join(f'sqlite3 {name} "{counts}"\n' for name in ("gatepost.db", "copy.db"))
        machine.writes("/src/copies.sh", f"cd /var/lib/gatepost\n{copies}\n{looks}rm copy.db\n")
        whole, copied = machine.types("as-gatepost sh -eu <copies.sh").stdout.split()
        self.assertRegex(whole, r"^[1-9]\d*\|ok$")
        self.assertEqual(copied, whole)

        lost = []

        def stops(line):
            machine.types("cp /var/lib/gatepost/key /safe/key")  # "to another place than the database"
            machine.types(line)
            if not lost:
                machine.types("rm -r /var/lib/private/gatepost/*")
            lost.append(line)

        def moves(line):
            self.assertEqual(len(lost), 2, "behind the restore")
            machine.types(line)
            left = machine.types("ls -A /var/lib/gatepost/").stdout.split()
            self.assertEqual([name for name in left if not name.startswith("store-of-")], [], "nothing but the note of where it was")
            machine.types("ls -d /srv/gatepost/gatepost.db /srv/gatepost/gatepost.queue /srv/gatepost/key")
            # Where a store is already nothing is moved, and that is said.
            machine.types("touch /var/lib/gatepost/gatepost.db /var/lib/gatepost/key")
            again = machine.types(line, check=False)
            self.assertIn("/srv/gatepost/gatepost.db", again.stdout)
            machine.types("rm /var/lib/gatepost/gatepost.db /var/lib/gatepost/key")
            machine.types("mv /srv/gatepost/* /var/lib/gatepost/ && systemctl start gatepost")
            self.assertRegex(self.status(), READY)

        def in_its_directory(line):
            machine.types(line.replace("gatepost-2027-01-31.db", "gatepost-$(date +%F).db"), at="/var/lib/gatepost")

        def as_the_service(line):
            before = machine.reads("/var/lib/gatepost/key")
            self.assertIn(f"`as-gatepost {line}`", (DOCS / "backup.md").read_text())
            machine.types(f"as-gatepost {line}")
            self.assertNotEqual(machine.reads("/var/lib/gatepost/key"), before)

        def rotates(line):
            self.assertRegex(self.status(), READY)
            machine.types("systemctl stop gatepost")
            machine.types(f"systemd-creds encrypt --name=gatepost.key /var/lib/gatepost/key {SEALED} && rm /var/lib/gatepost/key")
            machine.types(UNCOMMENT)
            machine.types("systemctl daemon-reload && systemctl start gatepost")
            self.assertIn("(1 value)", machine.types(line).stdout)

        self.follows("backup.md", {
            "gatepost backup /var/backups/*": lambda _: None,  # not of a service
            "sudo systemctl stop *": stops,
            "rm -f *": in_its_directory, "install *": in_its_directory, "chown *": in_its_directory, "! find /srv/gatepost *": moves,
            "gatepost key rotate": as_the_service,
            "as-gatepost -p LoadCredentialEncrypted=* gatepost key rotate *": rotates,
        })
        self.assertRegex(self.status("-p", CREDENTIAL), READY)

    def test_a_listener_on_the_internet_has_a_certificate_of_certbot_or_of_lego_and_each_renewal_of_it(self):
        self.demo()
        self.serves()
        machine = self.machine
        authority = Authority(machine, [NAME])
        machine.writes("/etc/systemd/system/gatepost.socket.d/override.conf", block("systemd.md", "[Socket]"))
        machine.types("systemctl daemon-reload && systemctl enable --now gatepost.socket")

        def of_certbot(line):
            machine.types(line, answers="admin@contoso.com\nY\nN\n")
            self.assertIn("Pebble", machine.types(f"openssl x509 -noout -issuer -in {SHOWN}").stdout, authority.said())
            mode, owner, of_state = machine.types(f"stat -c '%a %u' {KEY} && stat -Lc %u /var/lib/gatepost").stdout.split()
            self.assertEqual((mode, owner), ("600", of_state))

        def another(line):
            before = machine.reads(SHOWN)
            machine.types(line)
            self.assertNotEqual(machine.reads(SHOWN), before, line)

        def configures(line):
            self.configures(code("gmail-send-as.md", 'name = "gmail of ann"'))
            machine.types(line)

        said = self.follows("gmail-send-as.md", {
            "sudo certbot *": of_certbot, "sudo lego * run *": another, "sudo lego * renew *": another,
            "sudo gatepost config check": configures,
            "as-gatepost gatepost login *": self.signs_in,
            "gatepost send *": lambda line: self.signs_in(f"GATEPOST_PASSWORD={PASSWORD} {line}"),
        })
        (verified,) = (shown for line, shown in said.items() if line.startswith("openssl s_client"))
        self.assertIn("Verification: OK", verified)
        # What the timer of Debian's certbot does, and lego once more.
        (renews,) = re.findall(r"(?m)^ExecStart=(.*)", machine.types("systemctl cat certbot.service").stdout)
        (lego,) = (line for line in typed("gmail-send-as.md") if " renew " in line)
        process = machine.types("systemctl show -P MainPID gatepost").stdout
        for line in (renews, lego):
            another(line)
            machine.waits_for("the next certificate", f'test "$({SERVED} | {NUMBER})" = "$({NUMBER} -in {SHOWN})"')
        self.assertEqual(machine.types("systemctl show -P MainPID gatepost").stdout, process)

    def test_the_image_is_built_run_signed_in_and_reached_by_the_lines_of_its_guide(self):
        machine = self.machine
        engine.prepare(machine)
        text = code("docker.md", 'listen = ["0.0.0.0:1587"]')
        machine.writes("/src/gatepost.toml", text)

        def signs_in(line):
            """The demo is reached where the container's own loopback is; the file is changed in place, and read again."""
            self.demo(inside="nsenter --target $(docker inspect --format '{{.State.Pid}}' gatepost) --net ")
            volume = machine.types("docker volume inspect --format '{{.Mountpoint}}' gatepost").stdout.strip()
            machine.types(f"cp /etc/ssl/demo.pem {volume}/demo.pem && chmod 644 {volume}/demo.pem")
            machine.writes("/src/gatepost.toml", self.of_the_demo(f'[network]\nca-file = "/var/lib/gatepost/demo.pem"\n{text}'))
            machine.types(of_sentence("docker.md", "docker exec gatepost /usr/bin/gatepost config check"))
            machine.types(of_sentence("docker.md", "docker kill -s HUP gatepost"))
            machine.waits_for("the file to be read again", "docker logs gatepost 2>&1 | grep 'configuration taken over'")
            return self.signs_in(line)

        self.follows("docker.md", {"docker exec *": signs_in})
        machine.types("docker healthcheck run gatepost")
        sends = f"send --server 127.0.0.1:587 --tls starttls --user {ANN} --from {ANN} --to {ANN}"
        machine.types(f"GATEPOST_PASSWORD={PASSWORD} GATEPOST_CONFIG=gatepost.toml target/release/gatepost {sends}")
        self.assertIn("message accepted", machine.types("docker logs gatepost").stdout)
        self.assertRegex(machine.types("docker exec gatepost /usr/bin/gatepost status").stdout, READY)

    def test_a_configuration_of_another_program_is_taken_over_by_the_user_of_the_service(self):
        self.demo()
        self.serves()
        machine = self.machine
        machine.writes("/etc/emailproxy.config", OLD.format(app=self.app, user=ANN))
        machine.types("systemctl daemon-reload && systemctl start gatepost")
        self.follows("coming-from-elsewhere.md", since="as-gatepost *")
        self.assertIn(ANN, self.status())
        self.assertIn(":1993", self.status())

        # Root who forgets that is told lines that do the same.
        said = machine.types("gatepost import emailproxy /etc/emailproxy.config --write --force", check=False).stdout
        (lines,) = re.findall("run it as the service: (.*)", said)
        for line in re.findall("`(.*?)`", lines):
            machine.types(line)
        self.assertIn(":1993", self.status())

    def acts_by_itself(self, secret):
        """The configuration of the guide, with an app that has a secret. `secret`: the line that says where it is."""
        self.configures(self.machine.reads(CONFIGURATION))
        text = self.machine.reads(CONFIGURATION).replace('grant = "device-code"', f'grant = "client-credentials"\n{secret}')
        self.machine.writes(CONFIGURATION, re.sub("client-id = .*", f'client-id = "{APP_ID}"', text))

    def test_a_secret_that_root_alone_may_read_is_lent_to_the_service_and_to_who_acts_for_it(self):
        self.demo()
        self.serves()
        machine = self.machine
        machine.writes("/etc/gatepost/client-secret", APP_SECRET)
        machine.types("chmod 600 /etc/gatepost/client-secret")
        dropped = block("systemd.md", "# /etc/systemd/system/gatepost.service.d/secret.conf")
        machine.writes(re.match("# (.*)", dropped)[1], dropped)
        page = (DOCS / "systemd.md").read_text()
        setting, lent = re.search(r"`(client-secret-file = [^`]*)`", page)[1], re.search(r"`-p (LoadCredential=[^`]*)` too", page)[1]
        self.acts_by_itself(setting)
        machine.types("systemctl daemon-reload && systemctl start gatepost")
        machine.types(f"as-gatepost -p {lent} gatepost doctor")
        without = machine.types("as-gatepost gatepost doctor", check=False)
        self.assertNotEqual(without.returncode, 0)
        self.assertIn("client-secret", without.stdout)
        machine.writes("/src/new.secret", APP_SECRET)
        for line in ("gatepost config check", f"gatepost setup --address {ANN} --client-secret-file /src/new.secret --yes"):
            said = machine.types(line, check=False)
            self.assertNotEqual(said.returncode, 0, line)
            self.assertIn(lent, said.stdout)
        machine.types("! test -e '/etc/gatepost/$CREDENTIALS_DIRECTORY' && cat /src/new.secret >/etc/gatepost/client-secret")
        machine.types("sudo systemctl restart gatepost")

    def seals(self, line, secret):
        """Types what asks for a secret, and the secret, which is not shown."""
        terminal = self.machine.terminal(line)
        self.addCleanup(terminal.close)
        terminal.until("Password")
        terminal.types(secret)
        self.assertEqual(terminal.process.wait(60), 0, terminal.said)
        self.assertNotIn(secret, terminal.said)

    def test_a_secret_is_sealed_by_the_line_of_the_guide_and_another_one_by_the_line_that_is_printed(self):
        self.demo()
        self.serves()
        machine = self.machine
        line = of_sentence(
            "systemd.md", "systemd-ask-password -n | sudo systemd-creds encrypt --name=client-secret - /etc/gatepost/client-secret.cred"
        )
        plain = block("systemd.md", "# /etc/systemd/system/gatepost.service.d/secret.conf")
        setting = re.search(r"`(client-secret-file = [^`]*)`", (DOCS / "systemd.md").read_text())[1]
        lent = f"LoadCredentialEncrypted=client-secret:{line.split()[-1]}"
        machine.writes(re.match("# (.*)", plain)[1], f"[Service]\n{lent}\n")
        self.acts_by_itself(setting)
        self.seals(line, "of-yesterday")
        machine.types("systemctl daemon-reload && systemctl start gatepost")
        told = machine.types(f"as-gatepost -p {lent} gatepost doctor", check=False)
        self.assertIn("client-secret-", told.stdout)
        (printed,) = set(re.findall(r"systemd-ask-password .*\.cred", told.stdout))
        self.assertEqual(printed, line)
        self.seals(printed, APP_SECRET)
        machine.types("sudo systemctl restart gatepost")
        machine.types(f"as-gatepost -p {lent} gatepost doctor")

    def test_a_daemon_of_a_user_is_looked_at_as_that_user(self):
        self.demo()
        machine = self.machine
        line = of_sentence("doctor.md", "sudo -u gatepost gatepost doctor")
        as_the_user = line.removesuffix("doctor")
        machine.types("install -m 755 target/release/gatepost /usr/bin/gatepost && useradd --create-home gatepost")
        self.configures(code("printer.md", "[[account]]"))
        daemon = machine.begins("gatepost of a user", f"exec {as_the_user}run")
        self.addCleanup(daemon.stop)
        daemon.wait_ready(lambda: machine.types(f"{as_the_user}status --alive", check=False).returncode == 0, pause=0.2)
        self.signs_in(f"{as_the_user}login {ANN} --flow device")
        self.assertIn("/home/gatepost/", machine.types(line).stdout)

    def root_sets_up(self, *flags):
        """What it prints in the home of root, who has a narrow umask and names no file."""
        origin = self.app["token-url"].split("/{tenant}")[0]
        found = ("provider", "tenant", "client-id")
        settings = {f"app.{key}": value for key, value in self.app.items() if key not in found} | {"network.ca-file": "/etc/ssl/demo.pem"}
        line = ["umask 077; gatepost setup --yes --discovery", origin, "--address", ANN, *flags]
        line += [f"--set '{key}={value}'" for key, value in settings.items()]
        return self.machine.types(f"{' '.join(line)} </dev/null", at="/root").stdout

    def serves_what_root_set_up(self, said):
        """By the lines that are printed."""
        starts, signs_in = re.findall(r"^  (sudo .*)$", said, re.MULTILINE)
        self.machine.types(starts)
        self.signs_in(signs_in)
        (function,) = (line for line in typed("systemd.md") if line.startswith("as-gatepost() {"))
        self.machine.prelude += f"{function}\n"
        self.assertRegex(self.status(), READY)

    def test_what_root_sets_up_on_an_empty_machine_is_read_by_the_service_and_by_whoever_signs_in_for_it(self):
        self.demo()
        machine = self.machine
        machine.types("install -m 755 target/release/gatepost /usr/bin/gatepost")
        said = self.root_sets_up("--client-id", self.app["client-id"], "--grant", "device-code")
        machine.types("install -m 644 systemd/gatepost.service /etc/systemd/system && systemctl daemon-reload")
        self.serves_what_root_set_up(said)
        self.assertEqual(machine.types("stat -c %a /etc/gatepost /etc/gatepost/*").stdout.split(), ["755", "644"])
        self.assertIn("Its unit is not installed on this machine yet", said)

    def test_what_root_sets_up_behind_the_package_is_read_by_the_service_and_a_secret_by_root_alone(self):
        self.demo()
        machine = self.machine
        machine.types("install -m 755 target/release/gatepost /usr/bin/gatepost && install -m 644 systemd/gatepost.service /lib/systemd/system")
        machine.types("install -d -m 755 /etc/gatepost && install -m 644 config/gatepost.toml /etc/gatepost && systemctl daemon-reload")
        machine.types(f"sed -i 's|^\\[network\\]|&\\nca-file = \"/etc/ssl/demo.pem\"|' {CONFIGURATION}")
        said = self.root_sets_up("--client-id", self.app["client-id"], "--grant", "device-code")
        self.assertNotIn("is not installed", said)
        self.serves_what_root_set_up(said)

        machine.types("systemctl stop gatepost && rm -r /etc/gatepost")
        machine.writes("/src/first.secret", APP_SECRET)
        self.root_sets_up("--client-id", APP_ID, "--grant", "client-credentials", "--client-secret-file", "/src/first.secret")
        others = "setpriv --reuid=nobody --regid=nogroup --clear-groups cat /etc/gatepost"
        machine.types(f"{others}/gatepost.toml && ! {others}/contoso.secret")

    def test_root_who_forgets_the_user_of_the_service_is_told_both_folders_and_the_line_to_paste(self):
        self.demo()
        self.serves()
        machine = self.machine
        self.configures(machine.reads(CONFIGURATION))
        machine.types("systemctl daemon-reload && systemctl start gatepost")

        def told(line):
            """What is to be pasted instead of a line that would use root's own state."""
            said = machine.types(line, check=False)
            if "doctor" not in line:
                self.assertNotEqual(said.returncode, 0, said.stdout)
            for folder in ("/var/lib/gatepost", "root/.local/state/gatepost"):
                self.assertIn(folder, said.stdout, line)
            self.assertNotIn("does not run", said.stdout)
            (paste,) = re.findall(r"run it as the service: `(.*)`", said.stdout)
            self.assertTrue(paste.endswith(f" {line}"), paste)
            return paste

        self.signs_in(told(f"gatepost login {ANN} --flow device"))
        self.assertRegex(machine.types(told("gatepost status")).stdout, READY)
        self.assertNotIn("root/.local", machine.types(told("gatepost doctor --offline"), check=False).stdout)
        machine.types(told("gatepost queue list"))
        machine.types(told("gatepost backup /var/lib/gatepost/copy.db"))
        machine.types(told("gatepost console"))
        self.assertIn("(1 value)", machine.types(told("gatepost key rotate")).stdout)
        said = machine.types("gatepost run", check=False).stdout
        self.assertIn("start the service: `sudo systemctl start gatepost`", said)
        machine.types("sudo systemctl start gatepost")
        # What it makes is brought out by the lines that stand behind it.
        said = machine.types("gatepost backup out.db", check=False).stdout
        (lines,) = re.findall(r"run it as the service, which writes nowhere but in /var/lib/gatepost: (.*)", said)
        for line in re.findall("`(.*?)`", lines):
            machine.types(line)
        self.assertIn("SQLite", machine.types("head -c 15 out.db").stdout)
        machine.types("rm out.db")
        # Nothing here tells whether it runs, and nobody is told to end it.
        said = machine.types("gatepost doctor", check=False).stdout
        for odd in ("port-taken", "kill ", "systemctl start"):
            self.assertNotIn(odd, said)
        self.assertIn("is logged out", machine.types(told(f"gatepost logout {ANN} --yes")).stdout)
        machine.types("! test -e ~/.local/state/gatepost")

        # What the unit lends, its command has too.
        machine.writes("/etc/systemd/system/gatepost.service.d/secret.conf", "[Service]\nLoadCredential=client-secret:/etc/hostname\n")
        self.assertIn(" -p LoadCredential=client-secret:/etc/hostname gatepost ", told("gatepost status"))

        # A daemon without a console is alive if it greets.
        text = machine.reads(CONFIGURATION)
        machine.writes(CONFIGURATION, re.sub(r"\[console\]\n(?:.+\n)*", "", text) + '\n[console]\nlisten = "off"\n')
        machine.types("systemctl daemon-reload && systemctl restart gatepost && gatepost status --alive")
        machine.writes(CONFIGURATION, text)

        # Where the configuration says where the store is, it is the same for everybody.
        text = machine.reads(CONFIGURATION)
        machine.writes(CONFIGURATION, f'[store]\nurl = "sqlite:///var/lib/gatepost/gatepost.db"\n{text}')
        self.assertNotIn("root/.local", machine.types("gatepost status", check=False).stdout)
