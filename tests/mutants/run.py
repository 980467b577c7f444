#!/usr/bin/env python3
"""Changes one thing at a time in the parsers and in the password and token code: do the tests notice?

    tests/mutants/run.py                    both slices, a sample of each
    tests/mutants/run.py wire --every 1     every mutant of the wire, half an hour
    tests/mutants/run.py secrets --every 8

A slice is the rows of the house up to the code in question, copied out (the rows import downwards only): those that
are changed are a package, with their own tests, and those below them another, which is built once. So a mutant takes
seconds. What was not caught stands in target/mutants/SLICE; it needs a test, or a line in tests/mutants/justified.txt:
the place, as cargo-mutants prints it without numbers, and why no test can tell the difference.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).parents[2]
TARGET = ROOT / "target" / "mutants"
BAR = 85
SLICES = {
    # Name: the rows below, those beside that help in tests, those that are changed, every how-many-th mutant by default.
    "wire": (["base"], [], ["wire"], 8),
    "message": (["base"], [], ["message"], 4),
    "secrets": (["base", "wire", "catalog", "meter"], ["net", "store"], ["account", "oauth"], 12),
}


def cut(name, below, rows):
    """The package of these rows; its folder holds that of the rows below."""
    place = TARGET / name
    package(place / "below", below, "", [])
    shutil.copytree(ROOT / "migrations", place / "migrations", dirs_exist_ok=True)
    # As in the house; the workspace line keeps the slice a house of its own.
    profile = ["[workspace]", "", "[profile.dev]", "debug = false", "", '[profile.dev.package."*"]', "opt-level = 1"]
    package(place, rows, f"pub use below::{{{', '.join(below)}}};\n", profile)
    shutil.copy(ROOT / "Cargo.lock", place)
    return place


def package(place, rows, reexport, profile):
    """A package that holds these rows and the dependencies that they name."""
    shutil.rmtree(place / "src", ignore_errors=True)
    for row in rows:
        # With a new date: cargo would take an older file for built, also where an interrupted run left a mutant behind.
        shutil.copytree(ROOT / "src" / row, place / "src" / row, copy_function=shutil.copyfile)
    (place / "src" / "lib.rs").write_text(reexport + "".join(f"pub mod {row};\n" for row in rows))
    text = "\n".join(file.read_text() for file in place.glob("src/**/*.rs"))
    (place / "Cargo.toml").write_text("\n".join(manifest(place.name, text) + profile) + "\n")


def manifest(name, text):
    written = tomllib.loads((ROOT / "Cargo.toml").read_text())
    used = lambda crate: crate == "below" or re.search(rf"\b{crate.replace('-', '_')}(::|!)", text)
    below = {} if name == "below" else {"below": {"path": "below"}}
    tables = {
        "dependencies": below | written["dependencies"] | written["target"]["cfg(unix)"]["dependencies"],
        "dev-dependencies": written["dev-dependencies"],
    }
    lines = ["[package]", f'name = "{name}"', 'version = "0.0.0"', f'edition = "{written["package"]["edition"]}"']
    if "OUT_DIR" in text:  # the catalogue is made of data when it is built
        lines += [f'build = "{written["package"]["build"]}"']
        tables["build-dependencies"] = written["build-dependencies"]
    lines += [""]
    for table, crates in tables.items():
        lines += [f"[{table}]"]
        needed = lambda crate: used(crate) or table == "build-dependencies"
        lines += [f"{crate} = {inline(value)}" for crate, value in crates.items() if needed(crate)] + [""]
    return lines


def inline(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def justified():
    lines = (pathlib.Path(__file__).parent / "justified.txt").read_text().splitlines()
    return {line.split(" -- ")[0].strip() for line in lines if line and not line.startswith("#")}


def bare(mutant):
    """Without line and column, which move."""
    return re.sub(r":\d+:\d+", "", mutant)


def mutate(name, every):
    below, beside, changed, usual = SLICES[name]
    every = every or usual
    place = cut(name, below, beside + changed)
    # Before the mutants cargo-mutants tests the slice as it is, and takes five times that, or 20 s, for a hang.
    command = ["cargo", "mutants", "--in-place", "--no-shuffle", "--shard", f"0/{every}", "--sharding", "round-robin"]
    # Guesses at how a lock or a task might be made out of nothing: none of them compiles, and each costs a build.
    command += ["--exclude-re", "with (MutexGuard|JoinHandle)::"]
    command += [argument for row in changed for argument in ("--file", f"src/{row}/**")]
    # For the build as well, which else makes the library once more without its tests.
    command += ["--cargo-arg=--lib"]
    # Most tests that take long wait for a clock, so more of them than there are cores may run at a time. The crates are
    # built once for all slices.
    environment = os.environ | {"RUST_TEST_THREADS": "8", "CARGO_TARGET_DIR": str(TARGET / "target")}
    ended = subprocess.run(command, cwd=place, env=environment, check=False).returncode
    if ended not in (0, 2, 3):  # all caught, some missed, some hung
        sys.exit(f"{name}: cargo-mutants ended with {ended}; the slice must build and pass its tests")
    outcome = json.loads((place / "mutants.out" / "outcomes.json").read_text())
    by_summary = {}
    for entry in outcome["outcomes"]:
        if isinstance(entry["scenario"], dict):
            by_summary.setdefault(entry["summary"], []).append(entry["scenario"]["Mutant"]["name"])
    caught = len(by_summary.get("CaughtMutant", [])) + len(by_summary.get("Timeout", []))
    missed = sorted(by_summary.get("MissedMutant", []))
    excused = [mutant for mutant in missed if bare(mutant) in justified()]
    score = 100 * (caught + len(excused)) / max(1, caught + len(missed))
    print(f"{name}: {caught} caught, {len(missed)} missed ({len(excused)} justified): {score:.1f} %, bar {BAR} %")
    for mutant in missed:
        print(f"  {'justified' if mutant in excused else 'missed'}: {mutant}")
    return score >= BAR


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slices", nargs="*", choices=[*SLICES, []])
    parser.add_argument("--every", type=int, help="take every how-many-th mutant")
    wish = parser.parse_args()
    if shutil.which("cargo-mutants") is None:
        subprocess.run(["cargo", "install", "--quiet", "--locked", "cargo-mutants"], check=True)
    well = [mutate(name, wish.every) for name in wish.slices or SLICES]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
