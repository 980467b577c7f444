"""What a guide or the page of a fault shows: its blocks of code, and the lines that it says to type, in either language.

It exists so that a configuration in a guide is the one that is tried. It refuses to be a copy of any of it. Called with a page and a
command it prints what `of_sentence` gives.
"""

import ast
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent.parent
DOCS = ROOT / "docs"
FAULTS = ("faults", "ja/faults")
# As the catalogue knows them, and Gatepost.
PROGRAMS = ["gatepost"] + re.findall(r'"([a-z0-9-]+)"', re.search(r"const PROGRAMS.*?\];", (ROOT / "src/catalog/commands.rs").read_text(), re.S)[0])


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


def spoken(page, programs):
    """The commands within its sentences that begin with one of these programs, which the Japanese page has, too."""
    def spans(path):
        found = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"(?ms)^```.*?^```|<!--.*?-->", "", path.read_text()))
        return {" ".join(span.split()) for span in found if span.partition(" ")[0] in programs}

    english, japanese = (spans(DOCS / language / page) for language in ("", "ja"))
    assert english == japanese, f"ja/{page} has other commands in its sentences: {english ^ japanese}"
    return english


def of_sentence(page, command):
    """A command within a sentence of a page, in both languages, for the test that types it."""
    assert command in spoken(page, (command.partition(" ")[0],)), f"no sentence of {page} says to type {command}"
    return command


def taken(file):
    """Each page and command that a test, or what installs the tools of all, has from `of_sentence` and does something with."""
    if file.suffix == ".sh":
        return set(re.findall(r"""=\$\(python3 "\$here/lab/guide\.py" (\S+) '([^']+)'\)""", file.read_text()))
    nodes = [*ast.walk(ast.parse(file.read_text()))]
    dropped = {node.value for node in nodes if isinstance(node, ast.Expr)}
    calls = (node for node in nodes if isinstance(node, ast.Call) and node not in dropped)
    return {tuple(map(ast.literal_eval, call.args)) for call in calls if getattr(call.func, "id", "") == "of_sentence"}


def programs(elsewhere):
    """The names of all programs of this machine, and of these."""
    folders = (Path(folder) for folder in (*os.environ["PATH"].split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    return {file.name for folder in folders if folder.is_dir() for file in folder.iterdir()} | {*elsewhere}


def shell_lines(page):
    """Its commands, continued lines joined, remarks cut off: of fenced blocks for a shell, and of indented code."""
    code, fence = [], None
    for line in page.read_text().splitlines():
        if line.lstrip().startswith("```"):
            fence = line.strip()[3:] if fence is None else None
        elif fence in ("", "sh") or (fence is None and re.match(r" {4,}\S", line)):
            code.append(line)
    for line in "\n".join(code).replace("\\\n", " ").splitlines():
        yield re.sub(r"(^|\s+)#.*", "", line.strip())


def of_fault(name):
    """What the page of a fault says to type in a shell, in its order, which the Japanese page has, too. Cmdlets are for test_powershell."""
    english, japanese = ([line for line in shell_lines(DOCS / folder / f"{name}.md") if line.partition(" ")[0] in PROGRAMS] for folder in FAULTS)
    assert english == japanese, f"ja/faults/{name}.md has other lines: {set(english) ^ set(japanese)}"
    return english


def names(test, what):
    """Whether a test has this page in it, or this line."""
    return f'"{what}"' in (Path(__file__).resolve().parent.parent / f"{test}.py").read_text()


def of_faults():
    """Each line for a shell of the pages of the faults, and the faults that have it."""
    found = {}
    for page in sorted((DOCS / "faults").glob("*.md")):
        for line in of_fault(page.stem):
            found.setdefault(line, set()).add(page.stem)
    return found


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


if __name__ == "__main__":
    print(of_sentence(*sys.argv[1:]))
