"""What does CloudFormation receive of a SAM template?

    python tools/transform.py template.yaml > transformed.json

The transform is AWS's own (`samtranslator`), offline.
"""

import json
import os
import sys
from pathlib import Path

import yaml
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

# The transform needs a Region only to select the partition.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

# The template names no managed policy, so none has to be loaded from an account.
NO_MANAGED_POLICIES = type("NoManagedPolicies", (), {"load": staticmethod(dict)})()


def transformed(template: Path, code: dict[str, str] | None = None) -> dict:
    """The plain CloudFormation of `template`; `code` has an S3 address for each function."""
    document = yaml.safe_load(template.read_text())
    for name, resource in document["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            address = (code or {}).get(name, f"s3://artifacts/{name}.zip")
            resource["Properties"]["CodeUri"] = address
    document.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    try:
        return transform(document, {}, NO_MANAGED_POLICIES)
    except InvalidDocumentException as error:
        sys.exit("\n".join(cause.message for cause in error.causes))


if __name__ == "__main__":
    json.dump(transformed(Path(sys.argv[1])), sys.stdout, indent=2)
