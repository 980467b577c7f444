"""What the steps that Gatepost prints do in a tenant: for whom, against which fault, by which of its ways; all of it, and nothing else.

It exists so that a command with a wrong value, or on a wrong mailbox, does not pass for the one that helps. It refuses to copy a command:
it has what stands in the tenant behind it (`lab/inventory.py`).
"""

from lab.sandbox import USERS

ANN, BOB, SHARED = USERS
# What no command shows, and a person knows.
KNOWN = {"domain": "contoso.example", "host": "login.contoso.example", "path": "adfs/ls", "sender": SHARED, "signed_in_as": BOB}
SWITCHED_ON = "{} SmtpClientAuthenticationDisabled: False"
GROUP = {"gatepost-senders GroupType: Universal, SecurityEnabled", "scope Gatepost: gatepost-senders", "Exchange knows Gatepost as Gatepost"}
READING = {f"{ANN} ImapEnabled: True", f"{ANN} PopEnabled: True"}
MADE_KNOWN = {"Exchange knows Gatepost as Gatepost", "Exchange knows Gatepost as the registration of Gatepost: gone"}
IN_GROUP = f"{ANN} is in gatepost-senders"
APP_READS = f"Gatepost reads {ANN}"
APP_SENDS = {"Gatepost has Application SMTP.SendAsApp in Gatepost", IN_GROUP}
BY_GRAPH = {"Exchange knows Gatepost as Gatepost", "Gatepost has Application Mail.Send in Gatepost", IN_GROUP}
STEPS = (
    ({SWITCHED_ON.format(ANN)}, {
        "person": "upstream-not-signed-on Either, smtp-auth-disabled-tenant Either, smtp-auth-disabled-mailbox Either, smtp-refused-alone Either",
        "app": "upstream-not-signed-on Either, smtp-auth-disabled-tenant Either, smtp-auth-disabled-mailbox Either",
    }),
    ({SWITCHED_ON.format(ANN)} | APP_SENDS, {"app": "smtp-refused-alone Either"}),
    (READING, {"person": "fresh-token-refused, mailbox-not-connected, mail-protocol-disabled, token-refused", "app": "mail-protocol-disabled"}),
    ({f"{ANN} ImapEnabled: True"}, {"person": "imap-disabled-mailbox", "app": "imap-disabled-mailbox"}),
    ({f"{ANN} PopEnabled: True"}, {"person": "pop3-disabled-mailbox Either", "app": "pop3-disabled-mailbox Either"}),
    (READING | MADE_KNOWN | APP_SENDS | {APP_READS}, {"app": "fresh-token-refused, mailbox-not-connected"}),
    (MADE_KNOWN | APP_SENDS | {APP_READS}, {"person": "service-principal-missing", "app": "service-principal-missing, token-refused"}),
    ({f"{ANN} reads {ANN}"}, {"person": "full-access-missing"}),
    ({APP_READS}, {"app": "full-access-missing"}),
    ({f"{ANN} sends as {SHARED}"}, {"person": "send-as-denied"}),
    ({f"{ANN} sends as {ANN}"}, {"person": "smtp-user-differs"}),
    ({f"Gatepost sends as {SHARED}"}, {"app": "send-as-denied, send-on-behalf-denied, sender-not-allowed Either"}),
    ({f"Gatepost sends as {ANN}"}, {"app": "smtp-user-differs"}),
    ({f"{ANN} sends on behalf of {SHARED}"}, {"person": "send-on-behalf-denied"}),
    *((BY_GRAPH | group, {"app": ", ".join(f"{fault} {way}" for fault in (
        "graph-access-denied", "graph-consent-missing", "security-defaults", "sign-on-criteria-not-met Or", "sign-on-forbidden Or",
        "smtp-auth-disabled-mailbox Or", "smtp-auth-disabled-tenant Or", "smtp-refused-alone Or", "upstream-not-signed-on Or",
    ))}) for way, group in (("group", set()), ("no group", GROUP))),
    ({"Gatepost has Application Mail.ReadWrite in Gatepost"}, {"app": "graph-draft-denied"}),
    ({f"{BOB} reads {ANN}", f"{BOB} sends as {ANN}"}, dict.fromkeys(("person", "app"), "somebody-else-signed-in Or")),
    ({f"{ANN} AccountEnabled: True"}, {"person": "user-disabled"}),
    ({f"{ANN} AuthenticationPolicy: AllowSMTP", "there is a policy SMTP"}, {"person": "sign-on-criteria-not-met Either"}),
    ({f"contoso.example ActiveSignInUri: https://{KNOWN['host']}/{KNOWN['path']}"}, dict.fromkeys(("person", "app"), "federation-not-https Either")),
    ({"organization SendFromAliasEnabled: True"}, dict.fromkeys(("person", "app"), "own-address-denied")),
    ({f"{ANN} RecipientLimits: 1000"}, dict.fromkeys(("person", "app"), "too-many-recipients")),
    ({f"{ANN} MaxSendSize: {150 * 2**20}"}, dict.fromkeys(("person", "app"), "message-too-large, graph-too-large")),
    ({f"{ANN} MaxReceiveSize: {100 * 2**20}"}, dict.fromkeys(("person", "app"), "imap-append-too-large")),
)
DOES = {(who, *mend.split(" ", 1)): effect for effect, of in STEPS for who, mends in of.items() for mend in mends.split(", ")}
# A page is of all accounts, where a step is of one.
OF_PAGES = {
    "fresh-token-refused": READING | {SWITCHED_ON.format(ANN), f"{ANN} reads {ANN}"},
    "mailbox-not-connected": READING | {f"{ANN} reads {ANN}"},
    "sender-not-allowed": {f"{ANN} sends as {SHARED}"},
    "token-refused": {f"{ANN} reads {ANN}"},
}
