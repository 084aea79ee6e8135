"""What does the program look like?

    tools/pictures [--output docs] [NAME ...]

Makes the pictures of the documents from the demo fleet on the built-in emulator:

    run.svg                  the first act of `image-cascade`
    plan.svg                 `image-cascade plan` and `why`, of a fleet in many states
    map.png, map-dark.png    `image-cascade map` of the same fleet, in a light and in a dark browser

NAME selects `run`, `plan` or `map`; all three are made without it.
The maps need Chromium, on the path or where $CHROMIUM says. Times and ages differ from run to run.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from browser import Browser
from terminal import Terminal

ROOT = Path(__file__).parents[1]

PROGRAM = ROOT / "target/debug/image-cascade"

# Those of the emulator.
REGION, ACCOUNT = "us-east-1", "123456789012"

ZONE = "Europe/Berlin"

# How many seconds any step may take.
PATIENCE = 60

BROKEN_AGENT = """
name: crm-agent
schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: install
        action: ExecuteBash
        inputs:
          commands:
            - exit 1
"""


class Fleet:
    """A running `image-cascade serve` with the demo fleet."""

    def __init__(self, address: str):
        self.address = address

    def call(self, method: str, path: str, **members) -> dict:
        """The answer to a call. The emulator reads the service in the signature, and accepts any."""
        scope = f"local/20260101/{REGION}/imagebuilder/aws4_request"
        authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        headers = {} if path.startswith("/_emulator") else {"Authorization": authorization}
        body = json.dumps(members).encode()
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    @staticmethod
    def arn(name: str) -> str:
        """The ARN of a pipeline."""
        return f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image-pipeline/{name}"

    def start(self, name: str):
        """Starts a pipeline, as a person does."""
        token = f"picture-{name}-{time.monotonic_ns()}"
        self.call("PUT", "/StartImagePipelineExecution", imagePipelineArn=self.arn(name), clientToken=token)

    def tag(self, name: str, **tags: str):
        """Gives a pipeline tags that control it."""
        tags = {f"image-cascade:{key}": value for key, value in tags.items()}
        self.call("POST", f"/tags/{self.arn(name)}", tags=tags)

    def publish(self, what: str, name: str, version: str):
        """Publishes a version of one of Amazon's `images` or `components`."""
        self.call("POST", f"/_emulator/amazon-{what}", name=name, version=version)

    def build(self, *names: str):
        """Builds images side by side."""
        for name in names:
            self.start(name)
        for name in names:
            self.until(name, "AVAILABLE")

    def until(self, name: str, wanted: str):
        """Returns when the newest image of a pipeline has a status."""

        def status() -> str:
            images = self.call("POST", "/ListImagePipelineImages", imagePipelineArn=self.arn(name))
            newest = max(images["imageSummaryList"], key=lambda it: int(it["arn"].rsplit("/", 1)[1]))
            return newest["state"]["status"]

        eventually(lambda: status() == wanted, f"{name} is {wanted}")


def eventually(condition, what: str):
    """Returns when a condition holds, and ends the program if it never does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"not within {PATIENCE} s: {what}")
        time.sleep(0.05)


def closed_window(now: datetime) -> str:
    """A window that is closed now and for the next hours."""
    return "10:00+4h" if now.hour >= 16 or now.hour < 4 else "20:00+8h"


def play(fleet: Fleet):
    """Brings the fleet into a state with something to show: a start, a build in progress, a pipeline
    that waits for it, a window, a hold, a failure, a pin and a disabled pipeline."""
    for base in ("amazon-linux-2023-x86", "amazon-linux-x86-latest"):
        fleet.publish("images", base, "2026.11.2")
    fleet.call("PUT", "/CreateComponent", name="crm-agent", semanticVersion="1.1.0", platform="Linux",
               data=BROKEN_AGENT, clientToken="picture-crm-agent")  # fmt: skip
    fleet.build("gold-linux", "gold-container")
    fleet.build("java-21")
    fleet.build("billing")
    fleet.publish("components", "stig-build-linux", "1.1.0")
    fleet.build("gold-linux")
    fleet.build("node-22")
    fleet.publish("images", "amazon-linux-x86-latest", "2026.11.3")
    now = datetime.now(ZoneInfo(ZONE))
    fleet.tag("storefront", window=f"daily {closed_window(now)} {ZONE}")
    fleet.tag("gold-container", hold=f"until {now.year + 1}-01-07 year-end freeze")
    fleet.start("legacy-crm")
    fleet.until("legacy-crm", "FAILED")
    # This build is in progress for as long as the pictures take.
    fleet.call("POST", "/_emulator/failing-builds", milliseconds=2 * PATIENCE * 1000)
    fleet.start("java-21")
    fleet.until("java-21", "BUILDING")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def served() -> Iterator[Fleet]:
    """The demo fleet, whose functions start nothing, so that it stays as it is."""
    port = free_port()
    command = [PROGRAM, "serve", "--port", str(port), "--build-time", "1s", "--check-every", "1h",
               "--set", "DRY_RUN=true"]  # fmt: skip
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        fleet = Fleet(f"http://127.0.0.1:{port}")

        def answers() -> bool:
            if server.poll() is not None:
                log.seek(0)
                sys.exit(f"image-cascade serve has ended:\n{log.read().decode()}")
            try:
                return bool(urllib.request.urlopen(fleet.address, timeout=PATIENCE))
            except OSError:
                return False

        try:
            eventually(answers, "image-cascade serve answers")
            yield fleet
        finally:
            server.terminate()


def environment(endpoint: str | None = None) -> dict[str, str]:
    """The environment of the program, without an account of the person who makes the pictures."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "NO_COLOR"))}
    emulated = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    return own | (emulated if endpoint else {})


def picture_run(output: Path):
    # The progress bars need lines that are not wrapped; the longest sentences are cut in the picture.
    terminal = Terminal(240, 60)
    terminal.type("image-cascade")
    terminal.run([PROGRAM], environment(), PATIENCE, last="Every pipeline ended as promised")
    (output / "run.svg").write_text(terminal.svg("A new base image, on the built-in emulator", columns=138))


def picture_plan(fleet: Fleet, output: Path):
    terminal = Terminal(128, 60)
    commands = [["plan"], ["why", "storefront"], ["why", "legacy-crm"]]
    for index, command in enumerate(commands):
        if index > 0:
            terminal.newline()
        terminal.type(" ".join(["image-cascade", *command]))
        code = terminal.run([PROGRAM, *command], environment(fleet.address), PATIENCE)
        # A plan exits with 2 if something would start.
        if code != (2 if command == ["plan"] else 0):
            sys.exit("\n".join([*terminal.screen.display, f"{command} exits with {code}"]))
    (output / "plan.svg").write_text(terminal.svg("What would start now, and why not the rest?"))


def picture_map(fleet: Fleet, output: Path):
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "fleet.html"
        command = [PROGRAM, "map", "--out", page]
        subprocess.run(command, env=environment(fleet.address), check=True, timeout=PATIENCE)
        with Browser() as browser:
            for scheme, name in (("light", "map.png"), ("dark", "map-dark.png")):
                (output / name).write_bytes(browser.photograph(page, scheme))


def main():
    parser = argparse.ArgumentParser(
        prog="tools/pictures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="the folder of the pictures")
    parser.add_argument("names", nargs="*", metavar="NAME", help="run, plan or map")
    options = parser.parse_args()
    names = options.names or ["run", "plan", "map"]
    if unknown := set(names) - {"run", "plan", "map"}:
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    options.output.mkdir(parents=True, exist_ok=True)
    if "run" in names:
        picture_run(options.output)
    if {"plan", "map"} & set(names):
        with served() as fleet:
            play(fleet)
            if "plan" in names:
                picture_plan(fleet, options.output)
            if "map" in names:
                picture_map(fleet, options.output)


if __name__ == "__main__":
    main()
