"""The hash of a mail password, as it stands in a configuration: made by `gatepost password`.

It exists because every daemon under test needs one. It refuses an answer without a hash in it.
"""

import re

from .processes import run


def hashed(binary, password, **options):
    said = run(binary, "password", "--stdin", text=password + "\n", **options).stdout
    found = re.search(r"\$argon2id\$\S+", said)
    assert found, f"`gatepost password --stdin` printed no argon2id hash: {said}"
    return found[0]
