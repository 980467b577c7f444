"""What the provider knows: who holds which token, what was asked, which messages were accepted.

It exists as the one truth that the tests compare with. It refuses to forget anything during a run.
"""

import asyncio
import hashlib
from collections import Counter


class Books:
    def __init__(self):
        self.access = {}  # token -> person
        self.refresh = {}  # token -> person; old ones stay valid
        self.newest = {}  # person -> the refresh token that was given out last
        self.serial = 0
        self.refreshes = Counter()  # person -> requests with a refresh token
        self.outdated = Counter()  # of these, with one that was replaced before
        self.sign_ons = 0
        self.refused = 0
        self.mix_ups = []
        self.messages = Counter()  # id -> how often it was accepted
        self.hashes = {}  # id -> of what was accepted under it, dots and line ends as on the wire
        self.away = set()  # whose mail server is out of service
        self.hears = asyncio.Event()  # else nobody who connects to the mail server gets a word
        self.hears.set()
        self.life = 3600
        self.delay = 0.0  # before an answer of the token endpoint
        self.pause = 0.0  # between writing a message down and saying so
        self.kill = None  # {"pid": ..., "after": seconds, or null for before}: at the next answer to a refresh

    def issue(self, person):
        """A new pair of tokens."""
        self.serial += 1
        access, refresh = f"access-{self.serial}-" + "a" * 1200, f"refresh-{self.serial}-" + "r" * 600
        self.access[access] = self.refresh[refresh] = person
        self.newest[person] = refresh
        return {"token_type": "Bearer", "access_token": access, "refresh_token": refresh, "expires_in": self.life}

    def renew(self, refresh):
        person = self.refresh.get(refresh)
        if person is None:
            return None
        self.refreshes[person] += 1
        self.outdated[person] += self.newest[person] != refresh
        return self.issue(person)

    def revoke(self, person):
        """Makes the access tokens of a person bad; the sign-in stays."""
        self.access = {token: holder for token, holder in self.access.items() if holder != person}

    def owner(self, claimed, token):
        """Who signs on, or None; a token of somebody else is the worst that can be."""
        person = self.access.get(token)
        if person is not None and person != claimed:
            self.mix_ups.append(f"{claimed} with the token of {person}")
            return None
        self.sign_ons += person is not None
        self.refused += person is None
        return person

    def accept(self, mark, message):
        self.messages[mark] += 1
        self.hashes.setdefault(mark, set()).add(hashlib.sha256(message).hexdigest())

    def told(self):
        return {
            "refreshes": dict(self.refreshes),
            "outdated": sum(self.outdated.values()),
            "sign_ons": self.sign_ons,
            "refused": self.refused,
            "mix_ups": self.mix_ups,
            "messages": dict(self.messages),
            "hashes": {mark: sorted(each) for mark, each in self.hashes.items()},
            "armed": self.kill is not None,
        }
