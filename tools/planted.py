"""Do the tests notice the bugs that they are meant to notice?

    tools/planted [--seeds 400] [--only TEXT]… [--jobs N] [--table docs/planted-bugs.md]

Builds all bugs of tests/planted/bugs.toml at once, each behind a number (see variant_build.py). Each bug is
run with the unit tests that reach it; what they do not notice, with the simulation; and the rest with the
end-to-end tests that reach it. All tests must pass without a bug. What cannot be behind a number is planted
alone. Ends with 1 if a bug was not noticed.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from variant_build import (
    END_TO_END,
    NOT_END_TO_END,
    PACKAGES,
    ROOT,
    SELECTION,
    Build,
    Variant,
    outcome_of,
)

sys.path.append(str(ROOT / "tests/planted"))
from check import bugs, wrong  # noqa: E402

OUTPUT = ROOT / "target/planted"

UNIT_TESTS = ["test", *SELECTION, "--lib", "--no-run"]
SIMULATION = ["build", "--profile", "simulation", "--package", "tests", "--bin", "simulate"]

# What notices a bug, with the arguments of cargo, the test program, its folder, and tests that do not run.
TESTS = [("unit tests", UNIT_TESTS, library, folder, []) for folder, library in PACKAGES.values()]
TESTS += [("end to end", END_TO_END, "it", "tests", NOT_END_TO_END)]

# How many seconds the simulation may take for a bug.
PATIENCE = 900


def names(failed: list[str]) -> str:
    short = list(dict.fromkeys(name.split("::")[-1] for name in failed))
    more = f" and {len(short) - 2} more" if len(short) > 2 else ""
    return ", ".join(f"`{name}`" for name in short[:2]) + more


def broken_promise(output: str) -> str:
    found = re.search(r"seed (\d+) breaks a promise:\n  (.{0,160})", output)
    if not found:
        sys.exit(f"the simulation ends without a broken promise:\n{output}")
    seed, what = found.groups()
    what = re.sub(r"arn:aws:imagebuilder:[^ ]*?/", "", what)
    return f"seed {seed}: {what}".replace("|", "/")


class Planted:
    """All bugs in one tree, and what has noticed each so far."""

    def __init__(self, bugs: list[dict], options: argparse.Namespace):
        def variant(bug: dict) -> Variant:
            def place(source, number):
                return source.changed(number, bug["find"], bug["replace"].lstrip("\n"))

            return Variant(bug["name"], bug["file"], place)

        self.bugs = dict(enumerate(bugs, 1))
        self.options = options
        self.build = Build({number: variant(bug) for number, bug in self.bugs.items()}, OUTPUT)
        self.noticed: dict[int, tuple[str, str]] = {}

    def unnoticed(self) -> list[int]:
        return sorted(set(self.bugs) - set(self.noticed) - self.build.left_out)

    def note(self, number: int, by: str, what: str):
        self.noticed[number] = (by, what)
        print(f"{self.bugs[number]['name']}: {by}: {what}", flush=True)
        if self.options.table:
            self.options.table.write_text(self.table())

    def test(self, by: str, arguments: list[str], target: str, folder: str, skip: list[str]):
        program = self.build.programs(*arguments)[target]
        left = self.unnoticed()
        for number, outcome in self.build.outcomes(program, folder, left, self.options.jobs, skip):
            if outcome.what in ("caught", "timeout"):
                self.note(number, by, names(outcome.by) or "a test does not end")

    def simulate(self):
        program = self.build.programs(*SIMULATION)["simulate"]
        for number in [None, *self.unnoticed()]:
            variant = {} if number is None else {"VARIANT": str(number)}
            command = [program, "--seeds", str(self.options.seeds)]
            holds, output = self.build.run(command, ".", PATIENCE, **variant)
            if number is None and not holds:
                sys.exit(f"a seed breaks a promise without a bug:\n{output}")
            if number is not None and not holds:
                what = "a seed does not end" if holds is None else broken_promise(output)
                self.note(number, "the simulation", what)

    def plant_alone(self, number: int):
        """What notices a bug that cannot be behind a number."""
        bug = self.bugs[number]
        build = Build({}, OUTPUT)
        build.write()
        text = (ROOT / bug["file"]).read_text()
        build.put(bug["file"], text.replace(bug["find"], bug["replace"].lstrip("\n")).encode())
        for by, arguments, target, folder, skip in TESTS:
            errors, programs = build.cargo(*arguments)
            if errors:
                return self.note(number, by, "does not compile")
            command = [programs[target], *(word for it in skip for word in ("--skip", it))]
            passes, output = build.run(command, folder, PATIENCE)
            if not passes:
                failed = outcome_of(passes, output).by
                return self.note(number, by, names(failed) or "a test does not end")

    def run(self):
        for test in TESTS:
            if test[0] == "end to end" and self.unnoticed():
                self.simulate()
            if self.unnoticed():
                self.test(*test)
        for number in sorted(self.build.left_out):
            self.plant_alone(number)

    def table(self) -> str:
        lines = [
            "# Planted bugs, and what notices them",
            "",
            "Written by `tools/planted --table docs/planted-bugs.md`.",
            "Each bug is run through the unit tests; what they do not notice, through"
            f" {self.options.seeds} seeds of the simulation; and the rest through the end-to-end tests.",
            "",
            "| planted | noticed by | failing test, or broken promise |",
            "|---|---|---|",
        ]
        for number, bug in self.bugs.items():
            by, what = self.noticed.get(number, ("nothing yet", ""))
            lines.append(f"| {bug['name']} | {by} | {what} |")
        return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=400)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    selected = [
        bug
        for bug in bugs()
        if not options.only or any(text in bug["name"] for text in options.only)
    ]
    if problems := wrong(selected):
        sys.exit("\n".join(problems))
    planted = Planted(selected, options)
    planted.run()
    left = [bug["name"] for number, bug in planted.bugs.items() if number not in planted.noticed]
    print(f"\n{len(selected) - len(left)} noticed, {len(left)} not: {left}")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
