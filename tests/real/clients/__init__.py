"""Real mail programs: a table of them, and for each a short driver in its own language or in shell.

They know no OAuth: a server, a port, a user name and a plain password are all they are given.
"""
