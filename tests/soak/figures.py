"""One measured figure, held against its bar, and the table of all.

It exists so that every part reports alike, and that a missed bar is seen: in the table and in the exit code. It refuses to
print a figure without saying what it is held against.
"""

import re
from dataclasses import dataclass

BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"


@dataclass(frozen=True)
class Figure:
    measure: str
    value: str
    bar: str
    moonshot: str
    reached: bool
    beyond: bool = False

    @property
    def verdict(self):
        return "missed" if not self.reached else "moonshot" if self.beyond else "ok"


def number(value):
    return f"{value:,.3g}" if isinstance(value, float) and abs(value) < 100 else f"{value:,.0f}"


def at_most(measure, value, bar, moonshot=None, unit="", note=""):
    """A figure that is better the smaller it is; `note` says how it was measured."""
    unit = f" {unit}" if unit else ""
    return Figure(
        measure,
        f"{number(value)}{unit}" + (f" ({note})" if note else ""),
        f"{number(bar)}{unit}",
        "" if moonshot is None else f"{number(moonshot)}{unit}",
        value <= bar,
        moonshot is not None and value <= moonshot,
    )


def holds(measure, told, bar, reached, moonshot="", beyond=False):
    """A figure that is not one number."""
    return Figure(measure, told, bar, moonshot, reached, beyond)


def table(figures):
    rows = [("measure", "measured", "bar", "moonshot", "")]
    rows += [(f.measure, f.value, f.bar, f.moonshot, f.verdict) for f in figures]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|---|---|---|---|---|", *lines[1:]])


def write(path, machine, figures):
    """Puts the table between the marks of a page, and leaves the rest of it alone. Its words are the page's own business."""
    page = path.read_text() if path.exists() else "# Hardening, measured\n"
    if BEGIN not in page:
        page = f"{page.rstrip()}\n\n{BEGIN}\n{END}\n"
    inner = f"{BEGIN}\n{machine}\n\n{table(figures)}\n{END}"
    path.write_text(re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: inner, page, flags=re.S))
