"""The provider of the soak: an identity provider and a mail server with as many people as wanted, in a process of its own.

It exists because the figures ask for what the sandbox does not offer from outside: twenty people, books of every message and
token request, revocation, and a `kill -9` at the very moment of an answer. It refuses to be clever: what it accepts it writes
down before it says so, and that is all.
"""
