"""Can each bug of bugs.toml be planted? Its text must stand in its file exactly once."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def bugs() -> list[dict]:
    return tomllib.loads((Path(__file__).parent / "bugs.toml").read_text())["bug"]


def wrong(bugs: list[dict]) -> list[str]:
    """The bugs that cannot be planted."""

    def places(bug: dict) -> int:
        path = ROOT / bug["file"]
        return path.read_text().count(bug["find"]) if path.exists() else 0

    found = ((bug, places(bug)) for bug in bugs)
    return [f"{bug['name']}: {count} places in {bug['file']}" for bug, count in found if count != 1]


if __name__ == "__main__":
    sys.exit("\n".join(wrong(bugs())) or 0)
