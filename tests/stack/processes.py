"""Which processes run beside a test, and how does the test wait for them?"""

import os
import signal
import socket
import subprocess
import time
import urllib.request

import boto3

ACCOUNT, REGION = "123456789012", "us-east-1"

# The longest wait: a schedule of a minute twice, or a build of the functions.
TIMEOUT_SECONDS = 300


class Processes:
    """Processes that end with the block, together with everything that they have started."""

    def __init__(self):
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.running:
            process.wait(timeout=20)

    def start(self, command, cwd=None, **environment):
        self.running.append(
            subprocess.Popen(
                [str(it) for it in command],
                cwd=cwd,
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what: str, condition):
    """The first truthy answer of `condition`."""
    until = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < until:
        if answer := condition():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {TIMEOUT_SECONDS} s")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as response:
            return response.status == 200
    except OSError:
        return False


def client(service: str, endpoint: str):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="local",
    )
