"""Does `cargo lambda invoke` get the same answers as from the emulator's own Lambda?

    python cargo_lambda_invoke.py EMULATOR

Every file of events/ is sent to its function twice: through `cargo lambda watch` and through
`image-cascade serve`. Both are dry runs on the same fleet, so that neither changes what the other
sees, and both gold pipelines have a new image that was not announced.
"""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from processes import ACCOUNT, REGION, Processes, answers, client, free_port, wait_for

ROOT = Path(__file__).parents[2]

# The samples for dependency-check and for fleet-map; all others are for gold-cascade.
OF_A_CHECK = {"scheduler", "rule", "narrowed", "parameter", "calendar"}
OF_THE_MAP = {"widget", "widget-describe", "widget-why"}


def function_of(sample: str) -> str:
    if sample in OF_THE_MAP:
        return "fleet-map"
    return "dependency-check" if sample in OF_A_CHECK else "gold-cascade"


def build_golds(endpoint: str):
    image_builder = client("imagebuilder", endpoint)
    for gold in ["gold-linux", "gold-container"]:
        arn = f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:image-pipeline/{gold}"
        image_builder.start_image_pipeline_execution(imagePipelineArn=arn)

        def both_available():
            listed = image_builder.list_image_pipeline_images(imagePipelineArn=arn)
            states = [it["state"]["status"] for it in listed["imageSummaryList"]]
            return states == ["AVAILABLE", "AVAILABLE"]

        wait_for(f"the second image of {gold}", both_available)


def by_the_emulator(endpoint: str, function: str, event: bytes) -> tuple[str, str]:
    url = f"{endpoint}/2015-03-31/functions/{function}/invocations"
    with urllib.request.urlopen(urllib.request.Request(url, data=event)) as response:
        failed = response.headers.get("X-Amz-Function-Error") is not None
        return ("fails" if failed else "answers", response.read().decode())


def by_cargo_lambda(port: int, function: str, file: Path) -> tuple[str, str]:
    command = ["cargo", "lambda", "invoke", function, "--invoke-port", str(port)]
    command += ["--data-file", str(file), "--output-format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return ("fails", done.stderr) if done.returncode else ("answers", done.stdout)


def comparable(outcome: tuple[str, str]) -> tuple[str, object]:
    """An answer without what depends on the moment; of an error, the function's own text."""
    how, text = outcome
    if how == "answers":
        answer = json.loads(text)
        if isinstance(answer, str):
            # HTML, with the time, ages, and the ARN by which the function was invoked.
            return how, sorted(re.findall(r'"why":"[^"]+"|<th[^>]*>[^<]*', answer))
        if "totals" not in answer:
            return how, answer
        answer["totals"].pop("behindLongestSeconds", None)
        for event in answer["events"]:
            for line in event["pipelines"]:
                line.pop("behindSeconds", None)
        return how, answer
    # cargo lambda wraps lines and draws a rule beside them. The rest is cargo lambda's.
    said = re.search(r"[1-9][0-9]* not finished: (.|\n)*?(?=\"|\n\n|$)", text)
    return how, re.sub(r"[\s│]+", "", said[0]) if said else text


def main(emulator: Path):
    endpoint, port = f"http://127.0.0.1:{free_port()}", free_port()
    settings = {"DRY_RUN": "true", "FAILED_BUILD_TRIES": "2"}
    dry = [f"--set={name}={value}" for name, value in settings.items()]
    serve = [emulator, "serve", "--build-time", "200ms", "--port", endpoint.rsplit(":")[-1], *dry]
    watch = ["cargo", "lambda", "watch", "--ignore-changes", "--invoke-port", str(port)]
    with Processes() as processes:
        processes.start(serve)
        wait_for("the emulator", lambda: answers(endpoint))
        processes.start(
            watch,
            cwd=ROOT,
            AWS_ENDPOINT_URL=endpoint,
            AWS_DEFAULT_REGION=REGION,
            AWS_ACCESS_KEY_ID="local",
            AWS_SECRET_ACCESS_KEY="local",
            **settings,
        )
        build_golds(endpoint)
        differences = 0
        files = sorted((ROOT / "events").glob("*.json"))
        for file in files:
            function = function_of(file.stem)
            theirs = comparable(by_cargo_lambda(port, function, file))
            ours = comparable(by_the_emulator(endpoint, function, file.read_bytes()))
            same = theirs == ours
            differences += not same
            print(f"{file.name:<24} {function:<18} {ours[0]:<8} {'same' if same else 'DIFFERENT'}")
            if not same:
                print(f"  cargo lambda: {str(theirs)[:600]}\n  emulator:     {str(ours)[:600]}")
        print(f"\n{len(files) - differences} passed, {differences} failed")
        sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
