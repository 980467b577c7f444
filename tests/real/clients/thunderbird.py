"""Thunderbird, without a window but otherwise whole: a fresh profile, an IMAP account, a POP3 account, a saved password.

It exists because Thunderbird signs on, caches and idles as no script does. What it is asked to do is in thunderbird.js beside this
file, in terms of its own services. It refuses to update, to report, and to find settings on the network.
"""

import re
from pathlib import Path

from clients.marionette import Marionette
from lab.processes import Part

LIBRARY = Path(__file__).with_suffix(".js").read_text()

PREFERENCES = """
user_pref("app.donation.eoy.version.viewed", 999);
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("datareporting.healthreport.uploadEnabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.systemAddon.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mail.rights.version", 1);
user_pref("mail.shell.checkDefaultClient", false);
user_pref("mail.spotlight.firstRunDone", true);
user_pref("mail.warn_on_send_accel_key", false);
user_pref("mailnews.database.global.indexer.enabled", false);
user_pref("mailnews.start_page.enabled", false);
user_pref("marionette.port", 0);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.proxy.type", 0);
user_pref("services.settings.server", "data:,nothing");
user_pref("toolkit.telemetry.enabled", false);
"""


class Thunderbird:
    def __init__(self, settings):
        self.settings = settings
        self.profile = settings.folder / "profile"
        self.profile.mkdir()
        (self.profile / "user.js").write_text(PREFERENCES)
        home = settings.folder / "home"
        home.mkdir()
        environment = {
            "HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
            "MOZ_HEADLESS": "1", "MOZ_CRASHREPORTER_DISABLE": "1",
        }
        self.marionette = None
        self.part = Part(
            "Thunderbird",
            ["/usr/lib/thunderbird/thunderbird-bin", "--headless", "--marionette", "--remote-allow-system-access",
             "--no-remote", "--profile", self.profile],
            settings.folder / "thunderbird.log",
            env=environment,
        )

    def connect(self):
        """Waits for its remote control, and makes the accounts."""
        self.part.wait_ready(self._port, seconds=60)
        self.marionette = Marionette(self._port())
        facts = {name: getattr(self.settings, name) for name in ("address", "smtp", "imap", "pop3", "user", "password")}
        self.call("makeAccounts", facts)

    def call(self, function, *arguments):
        return self.marionette.call(LIBRARY, function, *arguments)

    def fetch(self, mailbox, word):
        """A message as Thunderbird has it, without what it adds for itself. On its disk, lines end as on any Unix disk."""
        message = self.call("fetchMessage", mailbox, word).encode("latin-1")
        return re.sub(rb"\r?\n", b"\r\n", re.sub(rb"\A(X-Mozilla-.*\n)+", b"", message))

    def _port(self):
        written = self.profile / "MarionetteActivePort"
        return written.exists() and int(written.read_text() or 0)

    def stop(self):
        if self.marionette:
            self.marionette.close()
        self.part.stop()
