"""The template that is deployed, as CloudFormation sees it."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

from transform import transformed

TEMPLATE = transformed(ROOT / "template.yaml")
