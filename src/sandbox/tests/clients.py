"""Python's own mail libraries, used as their users use them. Addresses and tokens come in as arguments."""

import base64, imaplib, poplib, smtplib, ssl, sys
from email.message import EmailMessage

ca, smtp_port, imap_port, pop3_port, user, token = sys.argv[1:7]
context = ssl.create_default_context(cadata=ca)
xoauth2 = f"user={user}\1auth=Bearer {token}\1\1"

message = EmailMessage()
message["From"], message["To"], message["Subject"] = user, user, "Grüße aus Python"
message.set_content("Erste Zeile\n.Zeile mit Punkt\n")
message.add_attachment(bytes(range(256)) * 4096, maintype="application", subtype="octet-stream", filename="a.bin")
message.set_boundary("fixed")

with smtplib.SMTP("localhost", int(smtp_port), local_hostname="python") as smtp:
    smtp.starttls(context=context)
    smtp.ehlo()
    code, text = smtp.auth("XOAUTH2", lambda challenge=None: xoauth2, initial_response_ok=False)
    assert code == 235, text
    smtp.send_message(message)

imap = imaplib.IMAP4_SSL("localhost", int(imap_port), ssl_context=context)
imap.authenticate("XOAUTH2", lambda challenge: xoauth2.encode())
assert imap.select("INBOX") == ("OK", [b"1"])
assert imap.search(None, "SUBJECT", '"python"') == ("OK", [b"1"])
kind, data = imap.fetch("1", "(UID BODYSTRUCTURE ENVELOPE)")
assert b'"application" "octet-stream"' in data[0] and b'"a.bin"' in data[0], data
kind, data = imap.fetch("1", "(BODY.PEEK[])")
sent = message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
assert data[0][1].rstrip() == sent.rstrip(), "the message came back changed"
assert imap.append("Drafts", "(\\Draft)", None, sent)[0] == "OK"
assert imap.copy("1", "Archive")[0] == "OK"
assert imap.store("1", "+FLAGS", "\\Flagged")[0] == "OK"
assert imap.create('"Neue Ablage"')[0] == "OK" and imap.delete('"Neue Ablage"')[0] == "OK"
imap.close()
imap.logout()

pop3 = poplib.POP3_SSL("localhost", int(pop3_port), context=context)

pop3._putcmd("AUTH XOAUTH2")
assert pop3._getline()[0].startswith(b"+")
pop3._shortcmd(base64.b64encode(xoauth2.encode()).decode())
assert pop3.stat()[0] == 1
body = b"\r\n".join(pop3.retr(1)[1])
assert body.rstrip() == sent.rstrip(), "POP3 brought a changed message"
pop3.dele(1)
pop3.quit()
print("well")
