"""What a good engineer would write for Python 3.13: starts the children of an image that became
AVAILABLE, if their newest image was built on another one.

With THREADS more than one, children are handled side by side.
"""

import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

THREADS = int(os.environ.get("THREADS", "1"))
NAMESPACE = uuid.UUID("6d1d5a2e-33a7-4c6e-8a5a-3d1f0f4f8f55")
IN_PROGRESS = {"PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING"}
BUILT = {"AVAILABLE", "DEPRECATED", "DISABLED"}

imagebuilder = boto3.client(
    "imagebuilder",
    config=Config(retries={"mode": "adaptive", "max_attempts": 6}, max_pool_connections=max(10, THREADS)),
)


def pages(operation, member, **arguments):
    arguments["PaginationConfig"] = {"PageSize": 100}
    for page in imagebuilder.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def family(arn):
    return arn.split("/")[1] if ":image/" in arn else None


def build(arn):
    version, _, number = arn.split("/", 2)[2].partition("/")
    return [int(node) for node in version.split(".")], int(number or 0)


def recipes():
    parents = {}
    for owner in ("Self", "Shared"):
        for recipe in pages("list_image_recipes", "imageRecipeSummaryList", owner=owner):
            parents[recipe["arn"]] = recipe["parentImage"]
        for recipe in pages("list_container_recipes", "containerRecipeSummaryList", owner=owner):
            parents[recipe["arn"]] = recipe["parentImage"]
    return parents


def children(image):
    parents = recipes()
    for pipeline in pages("list_image_pipelines", "imagePipelineList"):
        recipe = pipeline.get("imageRecipeArn") or pipeline.get("containerRecipeArn")
        parent = parents.get(recipe)
        if pipeline["status"] == "ENABLED" and parent and family(parent) == family(image):
            yield pipeline, parent


def start_if_behind(pipeline, newest_parent):
    arn = pipeline["arn"]
    images = list(
        pages("list_image_pipeline_images", "imageSummaryList", imagePipelineArn=arn)
    )
    images.sort(key=lambda image: build(image["arn"]), reverse=True)
    if any(image["state"]["status"] in IN_PROGRESS for image in images):
        return {"pipeline": arn, "skipped": "it is building"}
    newest = next((image for image in images if image["state"]["status"] in BUILT), None)
    built_on = None
    if newest:
        shown = imagebuilder.get_image(imageBuildVersionArn=newest["arn"])["image"]
        built_on = (shown.get("imageRecipe") or shown["containerRecipe"])["parentImage"]
        if built_on == newest_parent:
            return {"pipeline": arn, "skipped": "it is up to date"}
    token = uuid.uuid5(NAMESPACE, f"{arn}\n{images[0]['arn'] if images else ''}")
    started = imagebuilder.start_image_pipeline_execution(
        imagePipelineArn=arn, clientToken=str(token)
    )
    print(json.dumps({"pipeline": arn, "old": built_on, "new": newest_parent}))
    return {"pipeline": arn, "started": started["imageBuildVersionArn"]}


def handler(event, context):
    report = []
    for record in event["Records"]:
        image = json.loads(record["Sns"]["Message"])
        if image["state"]["status"] != "AVAILABLE":
            continue
        resolved = {}
        work = []
        for pipeline, parent in children(image["arn"]):
            if parent not in resolved:
                answer = imagebuilder.get_image(imageBuildVersionArn=parent)
                resolved[parent] = answer["image"]["arn"]
            work.append((pipeline, resolved[parent]))
        if THREADS > 1:
            with ThreadPoolExecutor(THREADS) as pool:
                report += pool.map(lambda it: start_if_behind(*it), work)
        else:
            report += [start_if_behind(*it) for it in work]
    return report
