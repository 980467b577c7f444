"""The real parts that Gatepost is tested against: an OAuth server, Dovecot and Postfix, and a browser to sign in with.

One module a part. Each knows how its part is configured, started, seen to be ready and ended, and nothing about Gatepost.
"""

PROTOCOLS = ("smtp", "imap", "pop3")
