"""How are many variants of the code built at once, and which tests reach each of them?

All variants are built into one copy of the tree, each behind a number that a test's process has in its
environment. So the code is compiled a dozen times, and not once for each variant. What does not compile
this way is left out: a change of a constant, for example, or a result of another opaque type.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from variant_text import Place, Source, Unplaced, Written, rewritten

ROOT = Path(__file__).parents[1]

# The packages with variants: the folder of each, and the name of its library.
PACKAGES = {
    "shared": ("shared", "image_cascade"),
    "gold-cascade": ("functions/gold-cascade", "gold_cascade"),
    "dependency-check": ("functions/dependency-check", "dependency_check"),
    "fleet-map": ("functions/fleet-map", "fleet_map"),
}

# These packages as arguments of cargo.
SELECTION = [word for package in PACKAGES for word in ("--package", package)]

# The arguments of cargo for the end-to-end tests; and those of them that start the workspace's binaries,
# draw at random or read sources. The others take a second each, and run in one process.
END_TO_END = ["test", "--package", "tests", "--test", "it", "--no-run"]
NOT_END_TO_END = ["account_check", "command_line", "encrypted", "given_serve", "processes"]
NOT_END_TO_END += ["read_only", "stack", "simulation", "random", "moves", "resolution", "conventions"]
NOT_END_TO_END += ["given_a_deployed_function"]

LIBRARY = "shared/src/lib.rs"

# Where the library gets a module that the functions see, too.
SWITCH_FILE = "shared/src/variant_switch.rs"

SWITCH = """
//! Which variant is alive in this process?
#![allow(missing_docs, clippy::all)]
use std::io::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ALIVE: LazyLock<Option<usize>> =
    LazyLock::new(|| std::env::var("VARIANT").ok().map(|number| number.parse().unwrap()));
static RECORD: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("VARIANTS_REACHED").ok());
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

# A variant that allocates without end is ended by this many bytes.
MEMORY = 6 << 30

# How many seconds any test may take without a variant.
PATIENCE = 300


@dataclass
class Variant:
    name: str
    file: str
    # Where it belongs in its source; may raise `Unplaced`.
    place: Callable[[Source, int], Place]


@dataclass
class Test:
    """A test as a test program names it."""

    program: str
    name: str
    seconds: float = 0.0


@dataclass
class Outcome:
    """What became of a variant: caught, timeout, missed, or unreached if no test runs its code."""

    what: str
    # The tests that failed.
    by: list[str]


class Build:
    """A copy of the tree with these variants, by their numbers."""

    def __init__(self, variants: dict[int, Variant], output: Path, target: Path | None = None):
        self.variants = variants
        self.output = output
        self.target = target or output / "target"
        self.tree = output / "tree"
        # What did not compile in an earlier run is not tried again.
        self.memory = output / "left-out.json"
        known = set(json.loads(self.memory.read_text())) if self.memory.exists() else set()
        self.left_out = {number for number, it in variants.items() if it.name in known}
        self.copy_tree()

    def copy_tree(self):
        """The files that git knows or could know, each written only if it differs: cargo goes by the
        time of writing."""
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        names = {name for name in files.stdout.split("\0") if name and (ROOT / name).exists()}
        for path in self.tree.rglob("*"):
            name = str(path.relative_to(self.tree))
            if path.is_file() and name not in names and name != SWITCH_FILE:
                path.unlink()
        # The sources with variants are written later.
        for name in names - {LIBRARY} - {it.file for it in self.variants.values()}:
            self.put(name, (ROOT / name).read_bytes())
            shutil.copymode(ROOT / name, self.tree / name)

    def put(self, name: str, content: bytes):
        path = self.tree / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def write(self) -> dict[str, list[Written]]:
        """Writes the sources with their variants; says where each stands in its file."""
        by_file = defaultdict(list)
        for number, variant in self.variants.items():
            by_file[variant.file].append(number)
        assert LIBRARY not in by_file, "the library's own file has no code"
        where = {}
        for name, numbers in by_file.items():
            source = Source((ROOT / name).read_text())
            places = []
            for number in sorted(set(numbers) - self.left_out):
                try:
                    places.append(self.variants[number].place(source, number))
                except Unplaced:
                    self.left_out.add(number)
            crate = "crate" if name.startswith("shared/") else "::image_cascade"
            text, where[name] = rewritten(source, places, f"{crate}::variant_switch::is")
            self.put(name, text.encode())
        switch = SWITCH.replace("COUNT", str(max(self.variants, default=0) + 1))
        self.put(SWITCH_FILE, switch.encode())
        library = (ROOT / LIBRARY).read_text() + "\n#[doc(hidden)]\npub mod variant_switch;\n"
        self.put(LIBRARY, library.encode())
        return where

    def programs(self, *arguments: str) -> dict[str, str]:
        """What `cargo` builds by these arguments, with all variants that compile: the executable of each
        target."""
        while True:
            where = self.write()
            errors, programs = self.cargo(*arguments)
            if not errors:
                return programs
            wrong = set().union(*(blamed(error, where) for error in errors))
            wrong = wrong or set().union(*(nearest(error, where) for error in errors))
            if not wrong:
                sys.exit("\n".join(error["rendered"] for error in errors))
            self.left_out |= wrong
            names = sorted(self.variants[number].name for number in self.left_out)
            self.memory.write_text(json.dumps(names))
            print(f"{len(self.left_out)} cannot be behind a number", flush=True)

    def cargo(self, *arguments: str) -> tuple[list[dict], dict[str, str]]:
        """The errors of the compiler that point somewhere, and the executables."""
        command = ["cargo", *arguments, "--message-format=json"]
        done = subprocess.run(
            command, cwd=self.tree, env=self.environment(), capture_output=True, text=True
        )
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        errors = [
            it["message"]
            for it in messages
            if it["reason"] == "compiler-message" and it["message"]["level"] == "error"
        ]
        errors = [error for error in errors if error["spans"]]
        if done.returncode and not errors:
            sys.exit(done.stderr)
        executables = {
            it["target"]["name"]: it["executable"]
            for it in messages
            if it["reason"] == "compiler-artifact" and it["executable"]
        }
        return errors, executables

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "CARGO_TARGET_DIR": str(self.target),
            "RUST_BACKTRACE": "0",
            "INSTA_UPDATE": "no",
            **more,
        }

    def run(self, command: list[str], folder: str, seconds: float, **more: str):
        """Whether a program ends well, or None if the time was over; and what it prints."""
        try:
            done = subprocess.run(
                command,
                cwd=self.tree / folder,
                env=self.environment(**more),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
            )
        except subprocess.TimeoutExpired:
            return None, ""
        return done.returncode == 0, done.stdout.decode(errors="replace")

    def reach(
        self, program: str, folder: str, jobs: int, skip: list[str]
    ) -> dict[int, list[Test]]:
        """The tests of a program that reach each variant. Each runs once, without a variant: a test that
        fails then ends everything."""
        command = [program, "--list", "--format", "terse"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True)
        names = [line.removesuffix(": test") for line in listed.stdout.splitlines()]
        names = [name for name in names if not any(word in name for word in skip)]

        def one(name: str) -> tuple[Test, list[int]]:
            record = self.output / "reached" / Path(program).name / name
            record.parent.mkdir(parents=True, exist_ok=True)
            record.unlink(missing_ok=True)
            began = time.monotonic()
            command = [program, "--exact", name]
            passes, output = self.run(command, folder, PATIENCE, VARIANTS_REACHED=str(record))
            if not passes:
                raise SystemExit(f"{name} fails without a variant:\n{output}")
            numbers = record.read_text().split() if record.exists() else []
            test = Test(program, name, time.monotonic() - began)
            return test, [int(number) for number in numbers]

        reaching = defaultdict(list)
        with ThreadPoolExecutor(jobs) as pool:
            for test, numbers in pool.map(one, names):
                for number in numbers:
                    reaching[number].append(test)
        return reaching

    def outcomes(
        self, program: str, folder: str, numbers: list[int], jobs: int, skip: list[str]
    ) -> Iterator[tuple[int, Outcome]]:
        """What the tests of one program make of these variants."""
        reaching = self.reach(program, folder, jobs, skip)

        def one(number: int) -> Outcome:
            return self.outcome(number, reaching.get(number, []), folder)

        with ThreadPoolExecutor(jobs) as pool:
            yield from zip(numbers, pool.map(one, numbers))

    def outcome(self, number: int, tests: list[Test], folder: str) -> Outcome:
        """What these tests of one program make of a variant: the quickest first, until one fails."""
        if not tests:
            return Outcome("unreached", [])
        tests = sorted(tests, key=lambda test: test.seconds)
        count = 8
        while tests:
            some, tests = tests[:count], tests[count:]
            count *= 4
            seconds = 10 + 10 * sum(test.seconds for test in some)
            command = [some[0].program, "--exact", "--test-threads=1", *(it.name for it in some)]
            passes, output = self.run(command, folder, seconds, VARIANT=str(number))
            if not passes:
                return outcome_of(passes, output)
        return Outcome("missed", [])


def outcome_of(passes: bool | None, output: str) -> Outcome:
    """What came of a run of tests: see `Build.run`."""
    what = {None: "timeout", True: "missed", False: "caught"}[passes]
    return Outcome(what, re.findall(r"^test (\S+).* FAILED$", output, re.MULTILINE))


def spans(message: dict) -> Iterator[dict]:
    for span in message["spans"]:
        while span:
            yield span
            span = (span["expansion"] or {}).get("span")
    for child in message["children"]:
        yield from spans(child)


def blamed(error: dict, where: dict[str, list[Written]]) -> set[int]:
    """The variants whose text an error is in: where it is, before what it also mentions."""
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
    """The last variant before each place of an error."""
    found = set()
    for span in spans(error):
        before = [it for it in where.get(span["file_name"], []) if it.start <= span["byte_end"]]
        if before:
            found.add(max(before, key=lambda it: it.start).number)
    return found
