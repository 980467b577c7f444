"""Text as PowerShell reads it, for a grammar that knows less: typographic quotation marks are quotation marks (about_Quoting_Rules), and a
parameter may have a digit in its name (-OAuth2PermissionGrantId).

It exists so that an address with a typographic apostrophe is tried, too. It refuses to change what a text says: `written` gives back
what stood there.
"""

import re

SINGLE, DOUBLE = "'‘’‚‛", '"“”„'
TYPOGRAPHIC = [mark for mark in SINGLE + DOUBLE if not mark.isascii()]
# They stand for those within a text, which the grammar must not take for its end.
WITHIN = {mark: chr(0xE000 + at) for at, mark in enumerate(TYPOGRAPHIC)}
# A remark, a text without variables, a text with them.
PARTS = re.compile(
    rf"(?<![^\s;(){{}}|])#[^\n]*|[{SINGLE}](?:[{SINGLE}]{{2}}|[^{SINGLE}])*[{SINGLE}]|[{DOUBLE}](?:[{DOUBLE}]{{2}}|`.|[^{DOUBLE}`])*[{DOUBLE}]", re.S,
)
DIGITS = "abcdefghij"


def as_read(text):
    def part(match):
        if match[0][0] == "#":
            return match[0]
        quote, same = ("'", SINGLE) if match[0][0] in SINGLE else ('"', DOUBLE)
        # Two of them are one, the first.
        within = re.sub(rf"([{same}])[{same}]", lambda two: quote * 2 if two[1] == quote else two[1], match[0][1:-1])
        return quote + "".join(WITHIN.get(mark, mark) for mark in within) + quote

    text = PARTS.sub(part, text)
    for mark in TYPOGRAPHIC:
        text = text.replace(mark, "'" if mark in SINGLE else '"')
    return re.sub(r"(?<=\s)-[A-Za-z]+\d\w*", lambda name: re.sub(r"\d", lambda digit: f"Q{DIGITS[int(digit[0])]}Q", name[0]), text)


def written(text):
    for mark, within in WITHIN.items():
        text = text.replace(within, mark)
    return re.sub(r"Q([a-j])Q", lambda digit: str(DIGITS.index(digit[1])), text)
