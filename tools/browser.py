"""How does a page look in Chromium?

Chromium is driven through its DevTools protocol on two pipes, without a driver of its own.
"""

import base64
import io
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

WIDTH, SCALE, COLOURS = 1280, 2, 256

# How many seconds an answer may take.
PATIENCE = 60

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

# Without the sandbox it also runs as root in a container; the pages are our own.
OPTIONS = """
    --headless --no-sandbox --disable-gpu --hide-scrollbars --disable-background-networking
    --no-first-run --remote-debugging-pipe
""".split()


class Browser:
    """A Chromium of its own, with an empty profile."""

    def __enter__(self) -> "Browser":
        program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            sys.exit("there is no Chromium: install it, or set CHROMIUM to its path")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        its_input, self.requests = os.pipe()
        self.answers, its_output = os.pipe()
        # The protocol's pipes are the file descriptors 3 and 4.
        script = f'exec "$@" 3<&{its_input} 4>&{its_output}'
        command = ["bash", "-c", script, "bash", program, *OPTIONS, f"--user-data-dir={self.profile.name}"]
        self.process = subprocess.Popen(command, pass_fds=(its_input, its_output), stderr=subprocess.DEVNULL)
        os.close(its_input)
        os.close(its_output)
        self.received, self.sent = b"", 0
        return self

    def __exit__(self, error, *_):
        if error is None:
            self.call("Browser.close")
        else:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self.requests)
        os.close(self.answers)
        self.profile.cleanup()

    def call(self, method: str, session: str | None = None, **parameters) -> dict:
        """The answer to a request of the protocol."""
        self.sent += 1
        request = {"id": self.sent, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        os.write(self.requests, json.dumps(request).encode() + b"\0")
        while True:
            message = self.message(f"an answer to {method}")
            if message.get("id") == self.sent:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']['message']}")
                return message["result"]

    def until(self, event: str):
        """Returns when an event is reported."""
        while self.message(event).get("method") != event:
            pass

    def message(self, awaited: str) -> dict:
        """The next message, an answer or an event."""
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.received:
            readable, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            if not readable:
                sys.exit(f"Chromium sends nothing within {PATIENCE} s: {awaited}")
            part = os.read(self.answers, 1 << 20)
            if not part:
                sys.exit(f"Chromium has ended before {awaited}")
            self.received += part
        message, self.received = self.received.split(b"\0", 1)
        return json.loads(message)

    def photograph(self, page: Path, scheme: str) -> bytes:
        """The whole page as PNG, in the colour scheme `light` or `dark`."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", session, features=features)
        # A page is at least as high as its window.
        metrics = {"width": WIDTH, "height": 1, "deviceScaleFactor": SCALE, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", session, **metrics)
        self.call("Page.enable", session)
        self.call("Page.navigate", session, url=page.as_uri())
        self.until("Page.loadEventFired")
        size = self.call("Page.getLayoutMetrics", session)["cssContentSize"]
        metrics["height"] = round(size["height"])
        self.call("Emulation.setDeviceMetricsOverride", session, **metrics)
        data = self.call("Page.captureScreenshot", session, format="png", optimizeForSpeed=False)["data"]
        self.call("Target.closeTarget", targetId=target)
        return smaller(base64.b64decode(data))


def smaller(png: bytes) -> bytes:
    """The same picture with a palette, in a fraction of the bytes."""
    palette = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    file = io.BytesIO()
    palette.save(file, "png", optimize=True)
    return file.getvalue()
