"""What the tests ask of mailboxes behind the daemon's back, whoever keeps them.

It exists so that a check reads the same against Dovecot and against the sandbox. It refuses to go through the daemon.
"""

import re

from .processes import wait_until


class Mailboxes:
    """A backend has `stored`, `flagged`, `mailboxes`, `deliver` and `empty`, and the name of its `trash`."""

    def wait_stored(self, user, marker, mailbox="INBOX", seconds=30.0):
        """Waits until a message that contains `marker` is in a mailbox, and returns it."""
        wanted = marker.encode()
        found = lambda: [message for message in self.stored(user, mailbox) if wanted in message]  # noqa: E731
        try:
            return wait_until(f"a message with {marker!r} in {user}'s {mailbox}", found, seconds)[0]
        except TimeoutError as error:
            subjects = [re.search(rb"(?mi)^Subject:.*", message) for message in self.stored(user, mailbox)]
            raise AssertionError(f"{error}; there are {[found and found[0] for found in subjects]}") from None
