"""What a guide shows: its blocks of code, in either language.

It exists so that a configuration in a guide is the one that is tried. It refuses to be a copy of any of it.
"""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent.parent.parent / "docs"


def block(page, begins):
    """The block of a page that begins so, which the Japanese page has, too."""
    english, japanese = (_beginning(DOCS / language / page, begins) for language in ("", "ja"))
    assert _bare(english) == _bare(japanese), f"ja/{page} has another block: {japanese}"
    return english


def code(page, words):
    """The first block of the English page with these words in it."""
    return next(found for found in _blocks(DOCS / page) if words in found)


def typed(page):
    """Every line that a page says to type, continued ones joined and remarks cut off, which the Japanese page has, too."""
    english, japanese = (list(_typed(DOCS / language / page)) for language in ("", "ja"))
    assert english == japanese, f"ja/{page} has other lines: {set(english) ^ set(japanese)}"
    return english


def _typed(path):
    for code in _blocks(path):
        lines = _bare(re.sub(r"\\\n\s*", "", code))
        if re.match(r"[a-z][a-z0-9-]*(?:\(\))? [^=]", lines[0]):
            yield from lines


def _bare(text):
    """Remarks are in the language of the page."""
    return [bare for bare in (re.sub(r"(^|\s+)#.*", "", line) for line in text.splitlines()) if bare]


def _beginning(path, begins):
    found = next((code for code in _blocks(path) if code.startswith(begins)), None)
    assert found, f"{path.name} has no block that begins with {begins!r}"
    return found


def _blocks(path):
    text = path.read_text()
    fenced = re.findall(r"(?ms)^```\w*\n(.*?)^```", text)
    indented = re.findall(r"(?m)(?:^ {4}.*\n|^\n(?= {4}))+", text)
    return fenced + [re.sub(r"(?m)^ {4}", "", code).lstrip("\n") for code in indented]
