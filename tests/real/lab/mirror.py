"""What the directory says, as switches of the sandbox: behind a cmdlet that switches SMTP AUTH on, mail flows there.

It exists because the directory has rights and no mail, and the sandbox mail and its own switches. The sandbox has one switch for all
mailboxes, so it is thrown for as long as one of those that are served needs it. It refuses to know cmdlets: it looks at what stands
in the directory behind each change.
"""

import copy

from .directory import enterprise_id

ALL_TOKENS = 2**32 - 1
NEEDED = {"smtp": {"SMTP.Send"}, "graph": {"Mail.Send"}, "smtp-then-graph": {"SMTP.Send", "Mail.Send"}}
READING = {"IMAP.AccessAsUser.All", "POP.AccessAsUser.All"}
READING_OF_APPS = {"IMAP.AccessAsApp", "POP.AccessAsApp"}


class Mirror:
    def __init__(self, directory, sandbox, app_id, outbound, mailboxes, person=None):
        """`person`: who signs in and sends; without one the app acts by itself, as each mailbox."""
        self.directory, self.sandbox, self.app_id, self.outbound = directory, sandbox, app_id, outbound
        self.mailboxes, self.person = mailboxes, person
        self.senders = [person] if person else mailboxes
        self.well = sandbox.rehearsal("")
        self.rules = [(holds, sandbox.rehearsal(name)) for name, holds in (self.of_person() if person else self.of_app())]
        self.rules += [(holds, sandbox.rehearsal(name)) for name, holds in self.of_mailboxes()]
        if not person:
            self.rules.append((self.may_not_use_smtp, {"smtp": {"refuse-tokens": ALL_TOKENS}}))
        directory.followers.append(self.follow)
        self.follow()

    def stage(self, holds, switches):
        """One that is met in a message alone: a limit, an address. For as long as the directory `holds`."""
        self.rules.append((holds, switches))
        self.follow()

    def follow(self):
        on = copy.deepcopy(self.well)
        on["exchange"] |= {"without-full-access": True, "without-send-as": True, "granted": list(self.granted())}
        for holds, switches in self.rules:
            if holds():
                lay(on, switches, self.well)
        self.sandbox.switch(on)

    def granted(self):
        for right, given in (("full-access", self.directory.full_access), ("send-as", self.directory.send_as)):
            for mailbox, holder in given:
                # What a person was given is of no use to an app.
                if self.person or holder == enterprise_id(self.app_id):
                    yield {"right": right, "mailbox": mailbox, "to": holder}

    def of_mailboxes(self):
        of = self.directory.mailbox
        organization = self.directory.transport
        return (
            ("smtp-auth-disabled-mailbox", lambda: any(of(one).SmtpClientAuthenticationDisabled for one in self.senders)),
            ("smtp-auth-disabled-tenant", lambda: organization.SmtpClientAuthenticationDisabled and any(
                of(one).SmtpClientAuthenticationDisabled is None for one in self.senders)),
            ("conditional-access", lambda: any(self.directory.user(one).AuthenticationPolicy == "Block Basic" for one in self.senders)),
            ("imap-disabled", lambda: not all(of(one).ImapEnabled for one in self.mailboxes)),
            ("pop3-disabled", lambda: not all(of(one).PopEnabled for one in self.mailboxes)),
        )

    def of_person(self):
        def lacks():
            return not (READING | NEEDED[self.outbound]) <= self.directory.consented(self.app_id, self.person)

        return (("no-consent", lacks),)

    def of_app(self):
        def is_unknown():
            holder = enterprise_id(self.app_id)
            is_known = any((one.AppId, one.ObjectId) == (self.app_id, holder) for one in self.directory.known_to_exchange)
            may_read = READING_OF_APPS <= self.directory.granted(self.app_id)
            return not (is_known and may_read and all(self.directory.is_open(one, holder) for one in self.mailboxes))

        def may_not_use_graph():
            return not self.may("Mail.Send", "Application Mail.Send")

        return (("wrong-service-principal", is_unknown), ("graph-denied", may_not_use_graph))

    def may_not_use_smtp(self):
        return not self.may("SMTP.SendAsApp", "Application SMTP.SendAsApp")

    def may(self, of_entra, of_exchange):
        granted = of_entra in self.directory.granted(self.app_id)
        return granted or all(self.directory.in_scope(self.app_id, of_exchange, one) for one in self.senders)


def lay(on, switches, well):
    """Those of a rehearsal that are not as in a healthy tenant, on top of what is on."""
    for name, value in switches.items():
        if isinstance(value, dict) and isinstance(on[name], dict):
            lay(on[name], value, well[name] or {})
        elif isinstance(value, list):
            on[name] = on[name] + [one for one in value if one not in on[name]]
        elif value != well[name]:
            on[name] = value
