"""Which requests does Image Builder's API accept?

    tools/api-model [--check]

Writes `emulator/src/image_builder/api.json`, against which the emulator checks each request and the
tests each answer, from AWS's published API model as botocore has it (Apache-2.0; `tools/requirements-api-model.txt` names the version).
Writes `tests/src/strict_client.json`, too: what the answers of SQS and the Parameter Store may be, and
all operations of the emulated services.
With --check it writes nothing, and fails if a file would change.

    operations   of each emulated operation: method, path, the shapes of input and output, and errors
    others       method and path of every other operation, so that a call to one can be named
    shapes       each shape within the input or output of an emulated operation, with its constraints
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

NEIGHBOURS = Path(__file__).parents[1] / "tests/src/strict_client.json"

# Of each service, the version of its model.
MODELS = {
    "imagebuilder": "2019-12-02",
    "lambda": "2015-03-31",
    "sns": "2010-03-31",
    "sqs": "2012-11-05",
    "ssm": "2014-11-06",
    "sts": "2011-06-15",
}

# Of the services that answer in JSON, the operations whose answers are checked.
CHECKED = {
    "sqs": """
        ChangeMessageVisibility ChangeMessageVisibilityBatch CreateQueue DeleteMessage
        DeleteMessageBatch DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags ListQueues
        PurgeQueue ReceiveMessage SendMessage SendMessageBatch SetQueueAttributes TagQueue UntagQueue
    """,
    "ssm": """
        AddTagsToResource CreateDocument DeleteDocument DeleteParameter DeleteParameters
        DescribeDocument DescribeParameters GetCalendarState GetDocument GetParameter
        GetParameterHistory GetParameters GetParametersByPath LabelParameterVersion
        ListTagsForResource PutParameter RemoveTagsFromResource UnlabelParameterVersion
        UpdateDocument
    """,
}

EMULATED = """
    CancelImageCreation CancelLifecycleExecution CreateComponent CreateContainerRecipe
    CreateDistributionConfiguration CreateImage CreateImagePipeline CreateImageRecipe
    CreateInfrastructureConfiguration CreateLifecyclePolicy CreateWorkflow DeleteComponent
    DeleteContainerRecipe DeleteDistributionConfiguration DeleteImage DeleteImagePipeline
    DeleteImageRecipe DeleteInfrastructureConfiguration DeleteLifecyclePolicy DeleteWorkflow
    GetComponent GetComponentPolicy GetContainerRecipe GetContainerRecipePolicy
    GetDistributionConfiguration GetImage GetImagePipeline GetImagePolicy GetImageRecipe
    GetImageRecipePolicy GetInfrastructureConfiguration GetLifecycleExecution GetLifecyclePolicy
    GetWorkflow GetWorkflowExecution GetWorkflowStepExecution ImportComponent
    ListComponentBuildVersions ListComponents ListContainerRecipes
    ListDistributionConfigurations ListImageBuildVersions ListImagePipelineImages
    ListImagePipelines ListImageRecipes ListImageScanFindingAggregations ListImageScanFindings
    ListImages ListInfrastructureConfigurations ListLifecycleExecutionResources
    ListLifecycleExecutions ListLifecyclePolicies ListTagsForResource ListWorkflowBuildVersions
    ListWorkflowExecutions ListWorkflowStepExecutions ListWorkflows PutComponentPolicy
    PutContainerRecipePolicy PutImagePolicy PutImageRecipePolicy RetryImage
    StartImagePipelineExecution StartResourceStateUpdate TagResource UntagResource
    UpdateDistributionConfiguration UpdateImagePipeline UpdateInfrastructureConfiguration
    UpdateLifecyclePolicy
""".split()

CONSTRAINTS = ("type", "pattern", "min", "max", "enum", "required")


def published(service: str = "imagebuilder") -> dict:
    """AWS's API model of a service, as the installed botocore has it."""
    [package] = importlib.util.find_spec("botocore").submodule_search_locations
    model = Path(package) / "data" / service / MODELS[service] / "service-2.json.gz"
    return json.loads(gzip.decompress(model.read_bytes()))


def contained(shapes: dict, names: list[str]) -> list[str]:
    """The names of these shapes and of all shapes within them, sorted."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        shape = shapes[name]
        waiting += [it["shape"] for it in shape.get("members", {}).values()]
        waiting += [shape[part]["shape"] for part in ("member", "key", "value") if part in shape]
    return sorted(found)


def constraints(shape: dict) -> dict:
    """What a value of a shape must be."""
    kept = {key: shape[key] for key in CONSTRAINTS if key in shape}
    if "members" in shape:
        places = ("shape", "location", "locationName")
        kept["members"] = {
            key: {place: member[place] for place in places if place in member}
            for key, member in shape["members"].items()
        }
    return kept | {part: shape[part]["shape"] for part in ("member", "key", "value") if part in shape}


def route(operation: dict) -> dict:
    return {"method": operation["http"]["method"], "uri": operation["http"]["requestUri"]}


def accepted(model: dict) -> dict:
    """The part of the model that requests are checked against."""
    operations, shapes = model["operations"], model["shapes"]
    if unknown := set(EMULATED) - operations.keys():
        sys.exit(f"the API model has no operation {', '.join(sorted(unknown))}")
    ends = [operations[name][end]["shape"] for name in EMULATED for end in ("input", "output")]
    return {
        "operations": {
            name: route(operations[name])
            | {
                "input": operations[name]["input"]["shape"],
                "output": operations[name]["output"]["shape"],
                "errors": [error["shape"] for error in operations[name]["errors"]],
            }
            for name in sorted(EMULATED)
        },
        "others": {name: route(operations[name]) for name in sorted(operations.keys() - set(EMULATED))},
        "shapes": {name: constraints(shapes[name]) for name in contained(shapes, ends)},
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


def answered(service: str) -> dict:
    """The part of a model that a neighbour's answers are checked against."""
    model, names = published(service), CHECKED[service].split()
    operations, shapes = model["operations"], model["shapes"]
    outputs = {name: operations[name].get("output", {}).get("shape") for name in names}
    within = contained(shapes, [shape for shape in outputs.values() if shape])
    return {
        "operations": {
            name: {
                "output": outputs[name],
                "errors": [error["shape"] for error in operations[name].get("errors", [])],
            }
            for name in names
        },
        "shapes": {name: constraints(shapes[name]) for name in within},
    }


def routes_of(model: dict) -> dict[str, str]:
    """Method and path of each operation of a service."""
    routes = {name: route(operation) for name, operation in sorted(model["operations"].items())}
    return {name: f"{it['method']} {it['uri'].split('?')[0]}" for name, it in routes.items()}


def neighbours() -> dict:
    """What is known of the services around Image Builder."""
    checked = {service: answered(service) for service in CHECKED}
    routes = {service: routes_of(published(service)) for service in MODELS}
    return {"checked": checked, "operations": routes}


def main():
    parser = argparse.ArgumentParser(
        prog="tools/api-model", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="fail if the file would change")
    options = parser.parse_args()
    files = {API: written(accepted(published())), NEIGHBOURS: written(neighbours())}
    for file, text in files.items():
        if not options.check:
            file.write_text(text)
        elif text != file.read_text():
            sys.exit(f"{file.name} is not what the API model says: run tools/api-model")


if __name__ == "__main__":
    main()
