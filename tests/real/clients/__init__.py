"""Real mail programs, one module a program: how it is told about the daemon, and how it is asked to do one thing.

They know no OAuth: a server, a port, a user name and a plain password are all they are given.
"""
