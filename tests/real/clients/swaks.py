"""swaks: the tool with which postmasters try a mail server."""

from lab.processes import run


class Swaks:
    def __init__(self, settings):
        self.settings = settings

    def send(self, recipient, subject, body, attachment, mechanism, *options):
        """Sends a message with an attachment, and returns the dialogue."""
        return run(
            "swaks", "--server", self.settings.address, "--port", self.settings.smtp, "--timeout", "30s",
            "--auth", mechanism, "--auth-user", self.settings.user, "--auth-password", self.settings.password,
            "--from", self.settings.user, "--to", recipient, "--header", f"Subject: {subject}", "--body", body,
            "--attach-name", attachment.name, "--attach", f"@{attachment}", "--suppress-data", *options,
        ).stdout
