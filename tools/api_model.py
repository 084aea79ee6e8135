"""Which requests does Image Builder's API accept?

    tools/api-model [--check]

Writes `emulator/src/image_builder/api.json`, against which the emulator checks each request, from
AWS's published API model as botocore has it (Apache-2.0; `tools/requirements-api-model.txt` names the version).
With --check it writes nothing, and fails if the file would change.

    operations   of each emulated operation: method, path, input shape and errors
    others       method and path of every other operation, so that a call to one can be named
    shapes       each shape within the input of an emulated operation, with its constraints
    statuses     the HTTP status of each error

To emulate another operation, add its name to EMULATED and run the script.
"""

import argparse
import gzip
import importlib.util
import json
import sys
from pathlib import Path

API = Path(__file__).parents[1] / "emulator/src/image_builder/api.json"

MODEL = "data/imagebuilder/2019-12-02/service-2.json.gz"

EMULATED = """
    CancelImageCreation CreateComponent CreateContainerRecipe CreateDistributionConfiguration
    CreateImage CreateImagePipeline CreateImageRecipe CreateInfrastructureConfiguration
    DeleteComponent DeleteContainerRecipe DeleteDistributionConfiguration DeleteImage
    DeleteImagePipeline DeleteImageRecipe DeleteInfrastructureConfiguration GetComponent
    GetContainerRecipe GetDistributionConfiguration GetImage GetImagePipeline GetImageRecipe
    GetInfrastructureConfiguration ListComponentBuildVersions ListComponents ListContainerRecipes
    ListDistributionConfigurations ListImageBuildVersions ListImagePipelineImages
    ListImagePipelines ListImageRecipes ListImageScanFindingAggregations ListImageScanFindings
    ListImages ListInfrastructureConfigurations
    ListTagsForResource ListWorkflowExecutions RetryImage StartImagePipelineExecution
    StartResourceStateUpdate TagResource UntagResource UpdateDistributionConfiguration
    UpdateImagePipeline UpdateInfrastructureConfiguration
""".split()

# Members that would change what an operation does and that the emulator does not implement. Without
# them in the file, a request that uses one is refused instead of being obeyed in part.
NOT_EMULATED = {"StartResourceStateUpdateRequest": {"exclusionRules"}}

CONSTRAINTS = ("type", "pattern", "min", "max", "enum", "required")


def published() -> dict:
    """AWS's API model, as the installed botocore has it."""
    [package] = importlib.util.find_spec("botocore").submodule_search_locations
    return json.loads(gzip.decompress((Path(package) / MODEL).read_bytes()))


def members(name: str, shape: dict) -> dict[str, dict]:
    """The members of a structure that the emulator implements."""
    left_out = NOT_EMULATED.get(name, set())
    return {key: it for key, it in shape.get("members", {}).items() if key not in left_out}


def contained(shapes: dict, names: list[str]) -> list[str]:
    """The names of these shapes and of all shapes within them, sorted."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        shape = shapes[name]
        waiting += [it["shape"] for it in members(name, shape).values()]
        waiting += [shape[part]["shape"] for part in ("member", "key", "value") if part in shape]
    return sorted(found)


def constraints(name: str, shape: dict) -> dict:
    """What a value of a shape must be."""
    kept = {key: shape[key] for key in CONSTRAINTS if key in shape}
    if "members" in shape:
        places = ("shape", "location", "locationName")
        kept["members"] = {
            key: {place: member[place] for place in places if place in member}
            for key, member in members(name, shape).items()
        }
    return kept | {part: shape[part]["shape"] for part in ("member", "key", "value") if part in shape}


def route(operation: dict) -> dict:
    return {"method": operation["http"]["method"], "uri": operation["http"]["requestUri"]}


def accepted(model: dict) -> dict:
    """The part of the model that requests are checked against."""
    operations, shapes = model["operations"], model["shapes"]
    if unknown := set(EMULATED) - operations.keys():
        sys.exit(f"the API model has no operation {', '.join(sorted(unknown))}")
    inputs = [operations[name]["input"]["shape"] for name in EMULATED]
    return {
        "operations": {
            name: route(operations[name])
            | {
                "input": operations[name]["input"]["shape"],
                "errors": [error["shape"] for error in operations[name]["errors"]],
            }
            for name in sorted(EMULATED)
        },
        "others": {name: route(operations[name]) for name in sorted(operations.keys() - set(EMULATED))},
        "shapes": {name: constraints(name, shapes[name]) for name in contained(shapes, inputs)},
        "statuses": {
            name: shape["error"]["httpStatusCode"]
            for name, shape in sorted(shapes.items())
            if "httpStatusCode" in shape.get("error", {})
        },
    }


def written(sections: dict) -> str:
    """JSON with a line for each operation, shape and error, so that a difference shows what changed."""
    blocks = []
    for title, section in sections.items():
        lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(it)}" for key, it in section.items())
        blocks.append(f" {json.dumps(title)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(
        prog="tools/api-model", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="fail if the file would change")
    options = parser.parse_args()
    text = written(accepted(published()))
    if not options.check:
        API.write_text(text)
    elif text != API.read_text():
        sys.exit(f"{API.name} is not what the API model says: run tools/api-model")


if __name__ == "__main__":
    main()
