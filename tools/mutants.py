"""Which mutants does no unit test notice?

    tools/mutants [--only TEXT]… [--jobs N] [--rest] [--table]

Takes the mutants that `cargo mutants` lists for `shared` and the functions, and builds all of them into
one copy of the tree, each behind a number that a test's process has in its environment. So the code is
compiled a dozen times, and not once for each mutant. Each test then runs once without a mutant, which
shows the mutants that it reaches; and each mutant runs with the tests of its package that reach it, the
quickest first.

`--only` selects mutants by a part of their names, such as `decide/tries.rs`.
A mutant in a constant, for example, cannot be behind a number. `--rest` has `cargo mutants` run these:
most do not compile either way.

Ends with 1 if a mutant survives that tools/mutants-explained.toml does not explain.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from schemata import Source, Unplaced, Written, rewritten

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "target/mutants"
TREE = OUTPUT / "tree"

# The folder of each package whose mutants are run.
PACKAGES = {
    "shared": "shared",
    "gold-cascade": "functions/gold-cascade",
    "dependency-check": "functions/dependency-check",
    "fleet-map": "functions/fleet-map",
}

# A module of `shared`, which the functions see, too.
SWITCH = """
//! Which mutant is alive in this process?
#![allow(missing_docs, clippy::all)]
use std::io::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ALIVE: LazyLock<Option<usize>> =
    LazyLock::new(|| std::env::var("MUTANT").ok().map(|number| number.parse().unwrap()));
static RECORD: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("MUTANTS_REACHED").ok());
static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

pub fn is(number: usize) -> bool {
    if let Some(path) = &*RECORD
        && !REACHED[number].swap(true, Ordering::Relaxed)
    {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(format!("{number}\\n").as_bytes()).unwrap();
    }
    *ALIVE == Some(number)
}
"""

# A mutant that allocates without end is ended by this many bytes.
MEMORY = 6 << 30

# How many seconds any test may take without a mutant.
PATIENCE = 300


@dataclass
class Test:
    package: str
    name: str
    seconds: float


@dataclass
class Outcome:
    """What became of a mutant: caught, timeout, missed, or unreached if no test runs its code."""

    what: str
    by: str = ""


def listed() -> list[dict]:
    packages = [word for package in PACKAGES for word in ("--package", package)]
    command = ["cargo", "mutants", *packages, "--list", "--json"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def copy_tree():
    """The files that git knows or could know, each written only if it differs: cargo goes by the time
    of writing."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, files.stdout.split("\0")):
        if (ROOT / name).exists():
            put(TREE / name, (ROOT / name).read_bytes())


def put(path: Path, content: bytes):
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class Mutants:
    """The mutants of this run by their numbers, and those that cannot be behind a number."""

    def __init__(self, mutants: list[dict]):
        self.by_number = dict(enumerate(mutants, 1))
        # What did not compile in an earlier run need not be tried again.
        self.memory = OUTPUT / "rest.json"
        known = set(json.loads(self.memory.read_text())) if self.memory.exists() else set()
        self.rest = {number for number in self.by_number if self.name(number) in known}

    def name(self, number: int) -> str:
        return self.by_number[number]["name"]

    def package(self, number: int) -> str:
        return self.by_number[number]["package"]

    def leave_out(self, numbers: set[int]):
        self.rest |= numbers
        self.memory.write_text(json.dumps(sorted(self.name(number) for number in self.rest)))

    def write(self) -> dict[str, list[Written]]:
        """Writes the sources with their mutants; says where each mutant stands in its file."""
        by_file = defaultdict(list)
        for number in sorted(set(self.by_number) - self.rest):
            by_file[self.by_number[number]["file"]].append(number)
        where = {}
        for name in sorted({mutant["file"] for mutant in self.by_number.values()}):
            source = Source((ROOT / name).read_text())
            places = []
            for number in by_file[name]:
                try:
                    places.append(source.place(number, self.by_number[number]))
                except Unplaced:
                    self.rest.add(number)
            crate = "crate" if name.startswith("shared/") else "::image_cascade"
            text, where[name] = rewritten(source, places, f"{crate}::mutant_switch::is")
            put(TREE / name, text.encode())
        switch = SWITCH.replace("COUNT", str(len(self.by_number) + 1))
        put(TREE / "shared/src/mutant_switch.rs", switch.encode())
        library = (ROOT / "shared/src/lib.rs").read_text()
        put(TREE / "shared/src/lib.rs", f"{library}\n#[doc(hidden)]\npub mod mutant_switch;\n".encode())
        return where

    def build(self) -> dict[str, str]:
        """The test program of each package, with all mutants that compile."""
        while True:
            where = self.write()
            errors, programs = compiled()
            if not errors:
                return programs
            wrong = set().union(*(blamed(error, where) for error in errors))
            wrong = wrong or set().union(*(nearest(error, where) for error in errors))
            if not wrong:
                sys.exit("\n".join(error["rendered"] for error in errors))
            self.leave_out(wrong)
            print(f"{len(self.rest)} cannot be behind a number", flush=True)


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "CARGO_TARGET_DIR": str(OUTPUT / "target"),
        "RUST_BACKTRACE": "0",
        "INSTA_UPDATE": "no",
        **more,
    }


def compiled() -> tuple[list[dict], dict[str, str]]:
    """The errors of the compiler that point somewhere; and the test program of each package."""
    packages = [word for package in PACKAGES for word in ("--package", package)]
    command = ["cargo", "test", "--lib", "--no-run", "--message-format=json", *packages]
    done = subprocess.run(command, cwd=TREE, env=environment(), capture_output=True, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    errors = [
        it["message"]
        for it in messages
        if it["reason"] == "compiler-message" and it["message"]["level"] == "error"
    ]
    errors = [error for error in errors if error["spans"]]
    if done.returncode and not errors:
        sys.exit(done.stderr)
    tests = [it for it in messages if it["reason"] == "compiler-artifact" and it["profile"]["test"]]
    programs = {Path(it["manifest_path"]).parent.name: it["executable"] for it in tests}
    return errors, programs


def spans(message: dict):
    for span in message["spans"]:
        while span:
            yield span
            span = (span["expansion"] or {}).get("span")
    for child in message["children"]:
        yield from spans(child)


def blamed(error: dict, where: dict[str, list[Written]]) -> set[int]:
    """The mutants whose text an error is in: where it is, before what it also mentions."""
    for is_primary in (True, False):
        found = {
            it.number
            for span in spans(error)
            if span["is_primary"] == is_primary
            for it in where.get(span["file_name"], [])
            if it.start <= span["byte_start"] and span["byte_end"] <= it.end
        }
        if found:
            return found
    return set()


def nearest(error: dict, where: dict[str, list[Written]]) -> set[int]:
    """The last mutant before each place of an error."""
    found = set()
    for span in spans(error):
        before = [it for it in where.get(span["file_name"], []) if it.start <= span["byte_end"]]
        if before:
            found.add(max(before, key=lambda it: it.start).number)
    return found


def run(program: str, package: str, tests: list[str], seconds: float, **more: str):
    """Whether all of these tests pass, or None if the time was over; and what they print."""
    try:
        done = subprocess.run(
            [program, "--exact", "--test-threads=1", *tests],
            cwd=TREE / PACKAGES[package],
            env=environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode == 0, done.stdout.decode(errors="replace")


def all_tests(programs: dict[str, str]) -> list[tuple[str, str]]:
    tests = []
    for package, program in programs.items():
        command = [program, "--list", "--format", "terse"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        names = (line.removesuffix(": test") for line in done.stdout.splitlines())
        tests += [(package, name) for name in names]
    return tests


def reached(programs: dict[str, str], test: tuple[str, str]) -> tuple[Test, list[int]]:
    """A test's run without a mutant, and the mutants that it reaches."""
    package, name = test
    record = OUTPUT / "reached" / package / name
    record.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    began = time.monotonic()
    passes, output = run(
        programs[package], package, [name], PATIENCE, MUTANTS_REACHED=str(record)
    )
    if not passes:
        sys.exit(f"{name} fails without a mutant:\n{output}")
    numbers = record.read_text().split() if record.exists() else []
    return Test(package, name, time.monotonic() - began), [int(number) for number in numbers]


def outcome(program: str, package: str, number: int, tests: list[Test]) -> Outcome:
    if not tests:
        return Outcome("unreached")
    tests = sorted(tests, key=lambda test: test.seconds)
    count = 8
    while tests:
        some, tests = tests[:count], tests[count:]
        count *= 4
        seconds = 10 + 10 * sum(test.seconds for test in some)
        names = [test.name for test in some]
        passes, output = run(program, package, names, seconds, MUTANT=str(number))
        if passes is None:
            return Outcome("timeout")
        if not passes:
            failed = re.findall(r"^test (\S+).* FAILED$", output, re.MULTILINE)
            return Outcome("caught", ", ".join(failed))
    return Outcome("missed")


def run_rest(mutants: Mutants) -> int:
    """`cargo mutants` for those that cannot be behind a number."""
    names = "|".join(re.escape(mutants.name(number)) for number in mutants.rest)
    packages = [word for package in PACKAGES for word in ("--package", package)]
    command = ["cargo", "mutants", *packages, "--re", f"^({names})$", "--baseline", "skip"]
    command += ["--timeout", "60", "--output", str(OUTPUT / "rest"), "--", "--lib"]
    return subprocess.run(command, cwd=ROOT).returncode


def explained() -> dict[str, str]:
    """Why these may survive, by file and description: a line's number changes with each edit."""
    text = (ROOT / "tools/mutants-explained.toml").read_text()
    return {it["mutant"]: it["why"] for it in tomllib.loads(text)["survivor"]}


def without_lines(name: str) -> str:
    return re.sub(r":\d+:\d+:", ":", name)


def table(mutants: Mutants, outcomes: dict[int, Outcome]) -> str:
    def folder(number: int) -> str:
        parts = mutants.by_number[number]["file"].split("/")
        if parts[0] != "shared":
            return "functions"
        return parts[2] if len(parts) > 3 else "others of `shared`"

    counts = defaultdict(Counter)
    for number, it in outcomes.items():
        counts[folder(number)][it.what] += 1
    lines = ["| files | mutants run | caught | did not end | missed | reached by no unit test |"]
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
    parser.add_argument("--rest", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    selected = [
        mutant
        for mutant in listed()
        if not options.only or any(text in mutant["name"] for text in options.only)
    ]
    copy_tree()
    mutants = Mutants(selected)
    programs = mutants.build()
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)

    with ThreadPoolExecutor(options.jobs) as pool:
        reaching = defaultdict(list)
        for test, numbers in pool.map(lambda it: reached(programs, it), all_tests(programs)):
            for number in numbers:
                # As `cargo mutants` has it: a package's own tests.
                if mutants.package(number) == test.package:
                    reaching[number].append(test)

        def result(number: int) -> tuple[int, Outcome]:
            package = mutants.package(number)
            return number, outcome(programs[package], package, number, reaching[number])

        outcomes = dict(pool.map(result, sorted(set(mutants.by_number) - mutants.rest)))

    why = explained()
    survivors = 0
    for number, it in outcomes.items():
        name = mutants.name(number)
        if it.what != "caught" and without_lines(name) not in why:
            survivors += it.what != "timeout"
            print(f"{it.what}: {name}")
    if options.table:
        print(table(mutants, outcomes))
    counts = Counter(it.what for it in outcomes.values())
    print(f"{dict(counts)} in {time.monotonic() - began:.0f} s; {len(mutants.rest)} left out")
    if options.rest and mutants.rest:
        survivors += run_rest(mutants) != 0
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
