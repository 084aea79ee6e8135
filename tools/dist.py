"""Which files does an account deploy that has neither Rust nor SAM?

    tools/dist [--architecture arm64] [--output dist]

Builds all functions for each processor, and writes into the output folder

    gold-cascade-arm64-0123456789ab.zip, ...   the code; the name contains the start of its checksum
    image-cascade.template.json                plain CloudFormation, without macros
    SHA256SUMS                                 the checksums of these files

The bucket with the zips is a parameter of the template. The template names each zip with its checksum,
so that new code is a new template, and an update of the stack updates the code. The processor is a
parameter that also selects the zip, so that both always match.
"""

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import yaml

from transform import transformed

ROOT = Path(__file__).parents[1]

# The logical ids of the template's functions, by the name of their binary.
FUNCTIONS = {
    resource["Metadata"]["BuildProperties"]["Binary"]: name
    for name, resource in yaml.safe_load((ROOT / "template.yaml").read_text())["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}

# Rust's target and cargo-lambda's option, by the processor's name in Lambda.
ARCHITECTURES = {
    "arm64": ("aarch64-unknown-linux-gnu", "--arm64"),
    "x86_64": ("x86_64-unknown-linux-gnu", "--x86-64"),
}

TEMPLATE = "image-cascade.template.json"

# CloudFormation accepts a template up to this size from a bucket; without one, 51,200 bytes.
MAX_BYTES = 1_000_000

PARAMETERS = {
    "CodeBucket": {
        "Description": "The S3 bucket with the zips of the functions, in the stack's Region.",
        "Type": "String",
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "ConstraintDescription": "must be the name of a bucket",
    },
    "CodeBucketHasRegion": {
        "Description": "true appends a hyphen and the stack's Region to the bucket's name, for stacks in several Regions.",
        "Type": "String",
        "AllowedValues": ["true", "false"],
        "Default": "false",
    },
    "CodeKeyPrefix": {
        "Description": "The prefix of the zips' keys in the bucket.",
        "Type": "String",
        "Default": "image-cascade/",
        "AllowedPattern": "^$|^[^/].*/$",
        "ConstraintDescription": "must end with a slash, or be empty",
    },
}


class MissingTarget(Exception):
    """Rust cannot compile for a processor on this machine."""


def build(architecture: str) -> dict[str, bytes]:
    """The zip of each function for one processor, by the name of its binary."""
    target, option = ARCHITECTURES[architecture]
    if shutil.which("rustup"):
        added = subprocess.run(["rustup", "target", "add", target], capture_output=True, text=True)
        if added.returncode:
            raise MissingTarget(f"Rust's target {target} cannot be added: {added.stderr.strip()}")
    folder = ROOT / "target" / "dist" / architecture
    command = ["cargo", "lambda", "build", "--release", option, "--lambda-dir", folder]
    packages = [argument for name in FUNCTIONS for argument in ("--package", name)]
    subprocess.run([*command, *packages], cwd=ROOT, check=True)
    return {name: archive((folder / name / "bootstrap").read_bytes()) for name in FUNCTIONS}


def archive(bootstrap: bytes) -> bytes:
    """A zip for Lambda; the same program always gives the same bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as files:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        files.writestr(entry, bootstrap)
    return written.getvalue()


def plain(keys: dict[str, dict[str, str]], version: str) -> dict:
    """The template without SAM; `keys` has the name of each zip, by processor and binary."""
    template = transformed(ROOT / "template.yaml")
    architectures = list(keys)
    template["Parameters"] |= PARAMETERS | {
        "Architecture": {
            "Description": "The processor on which the functions run; it also selects their code.",
            "Type": "String",
            "AllowedValues": architectures,
            "Default": architectures[0],
        },
    }
    template["Conditions"] |= {
        "HasBucketOfRegion": {"Fn::Equals": [{"Ref": "CodeBucketHasRegion"}, "true"]},
        "RunsOnArm": {"Fn::Equals": [{"Ref": "Architecture"}, "arm64"]},
    }
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    interface["ParameterGroups"].insert(
        0,
        {
            "Label": {"default": "Code"},
            "Parameters": [*PARAMETERS, "Architecture"],
        },
    )
    template["Metadata"]["ImageCascade"] = {"Version": version}
    bucket = {
        "Fn::If": [
            "HasBucketOfRegion",
            {"Fn::Sub": "${CodeBucket}-${AWS::Region}"},
            {"Ref": "CodeBucket"},
        ]
    }
    for binary, name in FUNCTIONS.items():
        function = template["Resources"][name]
        # SAM's build method and SAM's tag do not belong to this template.
        del function["Metadata"]
        properties = function["Properties"]
        properties.pop("Tags", None)
        zips = {it: {"Fn::Sub": "${CodeKeyPrefix}" + keys[it][binary]} for it in architectures}
        if len(zips) > 1:
            key = {"Fn::If": ["RunsOnArm", zips["arm64"], zips["x86_64"]]}
        else:
            [key] = zips.values()
        properties["Code"] = {"S3Bucket": bucket, "S3Key": key}
        properties["Architectures"] = [{"Ref": "Architecture"}]
    if len(architectures) == 1:
        del template["Conditions"]["RunsOnArm"]
    return template


def written(template: dict) -> str:
    """The template as JSON with a line for each parameter, condition, resource and output."""

    def short(value):
        return json.dumps(value, separators=(",", ":"))

    sections = []
    for name, section in template.items():
        if isinstance(section, dict):
            lines = ",\n".join(f"{short(key)}:{short(value)}" for key, value in section.items())
            sections.append(f"{short(name)}:{{\n{lines}}}")
        else:
            sections.append(f"{short(name)}:{short(section)}")
    return "{" + ",\n".join(sections) + "}\n"


def main():
    parser = argparse.ArgumentParser(
        prog="tools/dist", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="the output folder [default: dist]")
    parser.add_argument(
        "--architecture",
        action="append",
        choices=ARCHITECTURES,
        help="build for this processor, and fail if that is not possible; may be repeated\n"
        "[default: every processor that can be built for here]",
    )
    options = parser.parse_args()
    zips = {}
    for architecture in options.architecture or ARCHITECTURES:
        try:
            zips[architecture] = build(architecture)
        except MissingTarget as missing:
            if options.architecture:
                sys.exit(str(missing))
            print(f"dist/ has no code for {architecture}: {missing}", file=sys.stderr)
    if not zips:
        sys.exit("no processor can be built for here")
    files, keys = {}, {}
    for architecture, functions in zips.items():
        for binary, content in functions.items():
            checksum = hashlib.sha256(content).hexdigest()
            name = f"{binary}-{architecture}-{checksum[:12]}.zip"
            files[name] = content
            keys.setdefault(architecture, {})[binary] = name
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    files[TEMPLATE] = written(plain(keys, version)).encode()
    if len(files[TEMPLATE]) > MAX_BYTES:
        sys.exit(f"{TEMPLATE} has {len(files[TEMPLATE])} bytes; CloudFormation accepts {MAX_BYTES}")
    sums = [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in files.items()]
    files["SHA256SUMS"] = ("\n".join(sums) + "\n").encode()
    options.output.mkdir(parents=True, exist_ok=True)
    # Zips of an earlier run would be uploaded, too.
    for binary in FUNCTIONS:
        for old in options.output.glob(f"{binary}-*.zip"):
            old.unlink()
    for name, content in files.items():
        (options.output / name).write_bytes(content)
        print(f"{len(content):>9}  {options.output.name}/{name}")


if __name__ == "__main__":
    main()
