"""Which mutants does no unit test notice?

    tools/mutants [--only TEXT]… [--jobs N] [--all] [--end-to-end] [--table]

Takes the mutants that `cargo mutants` lists for `shared` and the functions, builds all of them at once
(see variant_build.py), and runs each with the unit tests of its package that reach it.

`--only` selects mutants by a part of their names, such as `decide/tries.rs`.
A mutant in a constant, for example, cannot be behind a number. `--all` runs these, too: those of different
functions are compiled together, which shows the few that compile, and each of these is run alone.
`--end-to-end` shows what the unit tests do not notice to the end-to-end tests.
`--table` prints the table of docs/testing.md.

Ends with 1 if a mutant survives that tools/mutants-explained.toml does not explain.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict

from mutants_alone import Alone
from variant_build import (
    END_TO_END,
    NOT_END_TO_END,
    PACKAGES,
    ROOT,
    SELECTION,
    Build,
    Outcome,
    Variant,
)

OUTPUT = ROOT / "target/mutants"


def listed(only: list[str]) -> dict[int, dict]:
    command = ["cargo", "mutants", *SELECTION, "--list", "--json"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    mutants = json.loads(done.stdout)
    if only:
        mutants = [it for it in mutants if any(text in it["name"] for text in only)]
    return dict(enumerate(mutants, 1))


def variant(mutant: dict) -> Variant:
    def place(source, number):
        return source.mutated(number, mutant)

    return Variant(mutant["name"], mutant["file"], place)


def outcomes(build: Build, mutants: dict[int, dict], jobs: int) -> dict[int, Outcome]:
    programs = build.programs("test", "--lib", "--no-run", *SELECTION)
    found = {}
    for package, (folder, library) in PACKAGES.items():
        # As `cargo mutants` has it: a package's own tests.
        own = [number for number, it in mutants.items() if it["package"] == package]
        own = sorted(set(own) - build.left_out)
        if own:
            found.update(build.outcomes(programs[library], folder, own, jobs, skip=[]))
    return found


def explained() -> set[str]:
    text = (ROOT / "tools/mutants-explained.toml").read_text()
    return {it["mutant"] for it in tomllib.loads(text)["survivor"]}


def without_place(name: str) -> str:
    """The name without line and column, which each edit moves."""
    return re.sub(r":\d+:\d+:", ":", name)


def table(mutants: dict[int, dict], found: dict[int, Outcome]) -> str:
    def folder(number: int) -> str:
        parts = mutants[number]["file"].split("/")
        if parts[0] != "shared":
            return "functions"
        return f"`{parts[2]}/`" if len(parts) > 3 else "other files of `shared`"

    counts = defaultdict(Counter)
    for number, it in found.items():
        counts[folder(number)][it.what] += 1
    lines = ["| files | mutants | caught | did not end | missed | reached by no unit test |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, count in sorted(counts.items()):
        by = " | ".join(str(count[what]) for what in ("caught", "timeout", "missed", "unreached"))
        lines.append(f"| {name} | {count.total()} | {by} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", default=[], metavar="TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--end-to-end", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    mutants = listed(options.only)
    build = Build({number: variant(it) for number, it in mutants.items()}, OUTPUT)
    found = outcomes(build, mutants, options.jobs)
    left, rest = build.left_out, "cannot be behind a number"
    if options.all:
        found |= Alone(mutants, build.left_out, build, SELECTION).outcomes(PACKAGES)
        left, rest = build.left_out - set(found), "do not compile"

    known = explained()
    survivors = False
    for number, it in found.items():
        name = mutants[number]["name"]
        if it.what != "caught" and without_place(name) not in known:
            survivors |= it.what != "timeout"
            print(f"{it.what}: {name}")
    if options.table:
        print(table(mutants, found))
    if options.end_to_end:
        missed = [number for number, it in found.items() if it.what in ("missed", "unreached")]
        missed = sorted(set(missed) - build.left_out)
        program = build.programs(*END_TO_END)["it"]
        shown = build.outcomes(program, "tests", missed, options.jobs, NOT_END_TO_END)
        for number, it in shown:
            print(f"end to end: {it.what}: {mutants[number]['name']}: {', '.join(it.by[:2])}")
    counts = Counter(it.what for it in found.values())
    print(f"{dict(counts)} in {time.monotonic() - began:.0f} s; {len(left)} more {rest}")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
