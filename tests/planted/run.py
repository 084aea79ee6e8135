"""Do the tests notice what they are there for?

    python tests/planted/run.py [--seeds 2000] [--only TEXT] > docs/planted-bugs.md

Plants each bug of bugs.toml in a copy of the tree and asks, one after the other, the unit tests,
the simulation and the end-to-end tests whether they notice. Ends with 1 if none does.
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
        # What is planted need not please the lints.
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
    done = cargo("test", "--quiet", "--package", "image-cascade", "--lib")
    return failed_tests(done.stdout) if done.returncode else None


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
    return f"seed {seed}: {what}"


def end_to_end(_) -> str | None:
    done = cargo("test", "--quiet", "--package", "tests", "--test", "it")
    return failed_tests(done.stdout) if done.returncode else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    bugs = tomllib.loads((Path(__file__).parent / "bugs.toml").read_text())["bug"]
    copy_tree()
    survivors = 0
    print("# Planted bugs, and what notices them\n")
    print("Made by `python tests/planted/run.py`, which stops at the first that notices:", end=" ")
    print(f"the unit tests, {options.seeds} seeds of the simulation, the end-to-end tests.")
    print("What each of the later ones would say of a bug that an earlier one notices is not asked")
    print("but for the simulation, which is asked of every bug.\n")
    print("| planted | unit tests | simulation | end to end |\n|---|---|---|---|")
    for bug in (bug for bug in bugs if options.only in bug["name"]):
        path = COPY / bug["file"]
        text = path.read_text()
        assert text.count(bug["find"]) == 1, f"{bug['name']}: {text.count(bug['find'])} places"
        path.write_text(text.replace(bug["find"], bug["replace"].lstrip("\n")))
        try:
            units, seeds = unit_tests(None), simulation(options.seeds)
            tests = None if units or seeds else end_to_end(None)
        finally:
            path.write_text(text)
        survivors += not (units or seeds or tests)
        asked = "not asked" if units or seeds else "nothing"
        print(f"| {bug['name']} | {units or '–'} | {seeds or '–'} | {tests or asked} |", flush=True)
    print(f"\n{len(bugs) - survivors} noticed, {survivors} not.")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
