"""Do the tests notice the bugs that they are meant to notice?

    python3 tests/planted/run.py [--seeds 150] [--only TEXT]… [--table docs/planted-bugs.md]
    python3 tests/planted/run.py --check

Plants each bug of bugs.toml in a copy of the tree and runs the unit tests, then the simulation if
they do not notice it, then the end-to-end tests. Ends with 1 if a bug was not noticed. `--check` only
makes sure that each bug can be planted: its text stands in its file exactly once.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPY = ROOT / "target" / "planted" / "tree"


def copy_tree():
    shutil.rmtree(COPY, ignore_errors=True)
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, files.stdout.split("\0")):
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, COPY / name)


def cargo(*arguments: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(COPY.parent / "target"),
        "RUST_BACKTRACE": "0",
        "INSTA_UPDATE": "no",
        # A planted bug may break the lints.
        "RUSTFLAGS": "--cap-lints=allow",
    }
    return subprocess.run(
        ["cargo", *arguments], cwd=COPY, env=environment, capture_output=True, text=True
    )


def failed_tests(output: str) -> str:
    names = re.findall(r"^    ([a-z_0-9:]+)$", output, re.MULTILINE)
    names = list(dict.fromkeys(name.split("::")[-1] for name in names))
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(f"`{name}`" for name in names[:2]) + more


def unit_tests(_) -> str | None:
    done = cargo("test", "--quiet", "--package", "shared", "--lib")
    return failed_tests(done.stdout) or "does not compile" if done.returncode else None


def simulation(seeds: int) -> str | None:
    built = cargo("build", "--quiet", "--package", "tests", "--bin", "simulate")
    assert built.returncode == 0, built.stderr
    simulate = COPY.parent / "target" / "debug" / "simulate"
    done = subprocess.run(
        [simulate, "--seeds", str(seeds)], capture_output=True, text=True, timeout=1800
    )
    if done.returncode == 0:
        return None
    seed, what = re.search(r"seed (\d+) breaks a promise:\n  (.{0,160})", done.stdout).groups()
    what = re.sub(r"arn:aws:imagebuilder:[^ ]*?/", "", what)
    return f"seed {seed}: {what}".replace("|", "/")


def end_to_end(_) -> str | None:
    # Only the tests that run in one process: they take seconds.
    slow = ["processes", "simulation", "command_line", "random", "moves", "resolution"]
    skipped = [word for name in slow for word in ("--skip", name)]
    done = cargo("test", "--quiet", "--package", "tests", "--test", "it", "--", *skipped)
    return failed_tests(done.stdout) if done.returncode else None


ASKED = {"unit tests": unit_tests, "the simulation": simulation, "end to end": end_to_end}


def places(bug: dict, root: Path) -> int:
    path = root / bug["file"]
    return path.read_text().count(bug["find"]) if path.exists() else 0


def notices(bug: dict, ask, seeds: int) -> str | None:
    path = COPY / bug["file"]
    text = path.read_text()
    path.write_text(text.replace(bug["find"], bug["replace"].lstrip("\n")))
    try:
        return ask(seeds)
    finally:
        path.write_text(text)


def table(bugs: list[dict], seeds: int) -> str:
    lines = [
        "# Planted bugs, and what notices them",
        "",
        "Written by `python3 tests/planted/run.py --table docs/planted-bugs.md`.",
        f"Each bug is run through the unit tests; what they do not notice, through {seeds} seeds of the",
        "simulation; and the rest through the end-to-end tests.",
        "",
        "| planted | noticed by | failing test, or broken promise |",
        "|---|---|---|",
    ]
    for bug in bugs:
        by, said = bug.get("noticed", ("nothing yet", ""))
        lines.append(f"| {bug['name']} | {by} | {said} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=150)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--table", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    bugs = tomllib.loads((Path(__file__).parent / "bugs.toml").read_text())["bug"]
    if options.only:
        bugs = [bug for bug in bugs if any(text in bug["name"] for text in options.only)]
    found = ((bug, places(bug, ROOT)) for bug in bugs)
    wrong = [f"{bug['name']}: {count} places in {bug['file']}" for bug, count in found if count != 1]
    if wrong or options.check:
        sys.exit("\n".join(wrong) or 0)
    copy_tree()
    for by, ask in ASKED.items():
        for bug in (bug for bug in bugs if "noticed" not in bug):
            if said := notices(bug, ask, options.seeds):
                bug["noticed"] = (by, said)
            print(f"{bug['name']}: {by}: {said or 'nothing'}", flush=True)
            if options.table:
                options.table.write_text(table(bugs, options.seeds))
    left = [bug["name"] for bug in bugs if "noticed" not in bug]
    print(f"\n{len(bugs) - len(left)} noticed, {len(left)} not: {left}")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
