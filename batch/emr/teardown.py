"""Takes away everything that a stack made; may be repeated at any time, and goes on where it was stopped."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from batch.emr.application import stop_application
from batch.emr.aws import POLL_S, Aws, reason
from batch.emr.runs import ACTIVE_CLUSTERS, ACTIVE_RUNS, clusters, job_runs
from batch.emr.stack import delete_stack, describe
from models.errors import FruitsError

_DELETED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Remains:
    """What a teardown would take away.

    Attributes:
        stack_id: names the stack also once it is gone.
        resources: physical ids by the template's names.
        corpus_has_data: the corpus bucket holds objects, old versions included.
    """

    stack_id: str
    resources: Mapping[str, str]
    corpus_has_data: bool


def find_remains(aws: Aws, name: str) -> Remains | None:
    """Look what is there; None when there is no stack of that name."""
    found = describe(aws, name, {"StackName": name, "StackStatus": "CREATE_COMPLETE", "StackId": name})
    if found is None:
        return None
    listed = aws.call(
        "cloudformation",
        "describe_stack_resources",
        {"StackName": name},
        _planned_resources(name, aws.region),
    )["StackResources"]
    resources = {
        entry["LogicalResourceId"]: entry["PhysicalResourceId"]
        for entry in listed
        if entry.get("PhysicalResourceId") and entry.get("ResourceStatus") != "DELETE_COMPLETE"
    }
    corpus = resources.get("CorpusBucket")
    return Remains(found.get("StackId", name), resources, bool(corpus) and _has_objects(aws, str(corpus)))


def teardown(aws: Aws, name: str, remains: Remains, *, delete_data: bool = False) -> None:
    """Stop everything that runs, empty the buckets and delete the stack.

    Args:
        aws: the account.
        name: of the stack.
        remains: what is there.
        delete_data: empty the corpus bucket too; else S3 refuses to delete it while anything is in it.

    Raises:
        FruitsError: something would not go.
    """
    if application := remains.resources.get("Application"):
        _cancel_runs(aws, application)
        stop_application(aws, application)
    _terminate_clusters(aws, name)
    for bucket in ("CorpusBucket", "BundleBucket") if delete_data else ("BundleBucket",):
        if physical := remains.resources.get(bucket):
            _empty(aws, physical)
    delete_stack(aws, name, remains.stack_id)


def _cancel_runs(aws: Aws, application: str) -> None:
    """Cancel what runs and wait for it: an application with a run cannot be stopped."""
    who = {"applicationId": application}
    for run in job_runs(aws, application, ACTIVE_RUNS, planned=[{"id": "0each"}]):
        aws.say(f"cancelling the run {run['id']}")
        aws.call("emr-serverless", "cancel_job_run", {**who, "jobRunId": run["id"]})
    _until(aws, lambda: not job_runs(aws, application, [*ACTIVE_RUNS, "CANCELLING"]))


def _terminate_clusters(aws: Aws, name: str) -> None:
    """End the clusters of this stack; their machines hold its role."""
    for cluster in clusters(aws, name, ACTIVE_CLUSTERS, planned=[f"{name}-{0:012x}"]):
        aws.say(f"terminating the cluster {cluster['Id']}")
        aws.call("emr", "terminate_job_flows", {"JobFlowIds": [cluster["Id"]]})
    _until(aws, lambda: not clusters(aws, name, [*ACTIVE_CLUSTERS, "TERMINATING"]))


def _until(aws: Aws, done: Callable[[], bool]) -> None:
    while not done():
        aws.wait(POLL_S)


def _has_objects(aws: Aws, bucket: str) -> bool:
    try:
        page = aws.call("s3", "list_object_versions", {"Bucket": bucket, "MaxKeys": 1}, {})
    except ClientError as error:
        if reason(error) == "NoSuchBucket":
            return False
        raise
    return bool(page.get("Versions") or page.get("DeleteMarkers"))


def _empty(aws: Aws, bucket: str) -> None:
    """Delete every version of every object."""
    deleted = 0
    planned = {"Versions": [{"Key": "<each>", "VersionId": "<each>"}]}
    while True:
        try:
            page = aws.call(
                "s3", "list_object_versions", {"Bucket": bucket, "MaxKeys": _DELETED_AT_ONCE}, planned
            )
        except ClientError as error:
            if reason(error) == "NoSuchBucket":
                return
            raise
        entries = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if not entries:
            return
        objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        answer = aws.call(
            "s3", "delete_objects", {"Bucket": bucket, "Delete": {"Objects": objects, "Quiet": True}}
        )
        if errors := answer.get("Errors"):
            first = errors[0]
            raise FruitsError(
                f"{len(errors)} objects of {bucket} were not deleted, the first is {first.get('Key')}: "
                f"{first.get('Message')}. Run teardown again; it goes on from there."
            )
        if aws.dry_run:
            return
        deleted += len(objects)
        aws.say(f"emptying {bucket}: {deleted:,} versions deleted")


def _planned_resources(name: str, region: str) -> dict[str, Any]:
    values = {
        "CorpusBucket": f"{name}-corpus-000000000000-{region}",
        "BundleBucket": f"{name}-bundles-000000000000-{region}",
        "Application": "00planned",
    }
    resources = [
        {"LogicalResourceId": logical, "PhysicalResourceId": physical} for logical, physical in values.items()
    ]
    return {"StackResources": resources}
