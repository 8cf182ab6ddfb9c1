"""Looks at the CloudFormation stack: whether it is there, what it holds, and how a change to it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from batch.emr.aws import POLL_S, Aws, message, reason
from models.errors import FruitsError, SettingsError

TEMPLATE = Path(__file__).with_name("stack.yaml")
_OUTPUTS = (
    "CorpusBucket",
    "BundleBucket",
    "ApplicationId",
    "JobRole",
    "ClusterRole",
    "NodeProfile",
    "ApiRole",
    "LogGroup",
)


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that is ready to be used: what the template calls its outputs."""

    name: str
    corpus_bucket: str
    bundle_bucket: str
    application: str
    job_role: str
    cluster_role: str
    node_profile: str
    api_role: str
    log_group: str

    @property
    def store(self) -> str:
        """Where bundles are published; the roles allow no other prefix."""
        return f"s3://{self.bundle_bucket}/bundles"

    @property
    def features(self) -> str:
        """Where features are kept; the roles allow no other prefix."""
        return f"s3://{self.bundle_bucket}/features"


def describe(aws: Aws, name: str, planned: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Ask for a stack; None when there is none.

    Args:
        aws: the account.
        name: of the stack.
        planned: what a dry run takes it for; None for a stack that is not there.

    Raises:
        ClientError, StoreUnavailable: the question was refused.
    """
    answer = {"Stacks": [planned] if planned else []}
    try:
        found = aws.call("cloudformation", "describe_stacks", {"StackName": name}, answer)["Stacks"]
    except ClientError as error:
        if reason(error) == "ValidationError" and "does not exist" in message(error):
            return None
        raise
    return found[0] if found else None


def find_stack(aws: Aws, name: str) -> Stack:
    """Give a deployed stack.

    Raises:
        SettingsError: there is none, or it is not ready.
    """
    found = describe(aws, name, _planned(name, aws.region))
    if found is None:
        raise SettingsError(
            f"There is no stack {name} in {aws.region}; make it with `python -m batch emr deploy`, or say "
            "with --stack and --region which one is meant."
        )
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in found.get("Outputs", ())}
    missing = [key for key in _OUTPUTS if not outputs.get(key)]
    if missing:
        raise SettingsError(
            f"The stack {name} is {found['StackStatus']} and does not name {', '.join(missing)}; run "
            "`python -m batch emr deploy` again."
        )
    return Stack(name, *(outputs[key] for key in _OUTPUTS))


def follow(aws: Aws, stack_id: str, done: str, seen: set[str] | None = None) -> None:
    """Wait until a change to a stack is over, telling each resource as it comes.

    Args:
        aws: the account.
        stack_id: name, or the id when it is being deleted: a deleted stack has no name any more.
        done: status to end in, such as `CREATE_COMPLETE`.
        seen: events told before.

    Raises:
        FruitsError: it ended otherwise.
    """
    told = seen if seen is not None else set()
    while True:
        found = describe(aws, stack_id, {"StackName": stack_id, "StackStatus": done})
        status = found["StackStatus"] if found else "DELETE_COMPLETE"
        for line in _news(aws, stack_id, told) if found else ():
            aws.say(line)
        if aws.dry_run:
            aws.say(f"(both asked again every {POLL_S:.0f} s until the stack is {done})")
            return
        if status == done:
            return
        if not status.endswith("_IN_PROGRESS"):
            detail = (found or {}).get("StackStatusReason", "its events above say why")
            raise FruitsError(f"The stack {stack_id} ended as {status}: {detail}")
        aws.wait(POLL_S)


def known_events(aws: Aws, name: str) -> set[str]:
    """Give the ids of the events so far, so that only new ones are told."""
    told: set[str] = set()
    _news(aws, name, told)
    return told


def delete_stack(aws: Aws, name: str, stack_id: str) -> None:
    """Delete a stack and wait until it is gone.

    Raises:
        FruitsError: something of it would not go.
    """
    told = known_events(aws, name)
    aws.call("cloudformation", "delete_stack", {"StackName": name})
    follow(aws, stack_id, "DELETE_COMPLETE", told)


def _news(aws: Aws, name: str, told: set[str]) -> list[str]:
    planned: dict[str, Any] = {"StackEvents": []}
    events = aws.call("cloudformation", "describe_stack_events", {"StackName": name}, planned)["StackEvents"]
    fresh = [event for event in reversed(events) if event["EventId"] not in told]
    told.update(event["EventId"] for event in fresh)
    return [
        "  ".join(
            filter(
                None,
                [
                    event.get("LogicalResourceId"),
                    event.get("ResourceStatus"),
                    event.get("ResourceStatusReason"),
                ],
            )
        )
        for event in fresh
    ]


def _planned(name: str, region: str) -> dict[str, Any]:
    """What a dry run takes for a deployed stack; values that only AWS knows have a zero in their place."""
    role = "arn:aws:iam::000000000000:role/"
    values = {
        "CorpusBucket": f"{name}-corpus-000000000000-{region}",
        "BundleBucket": f"{name}-bundles-000000000000-{region}",
        "ApplicationId": "00planned",
        "JobRole": f"{role}{name}-JobRole",
        "ClusterRole": f"{role}{name}-ClusterRole",
        "NodeProfile": f"{name}-NodeProfile",
        "ApiRole": f"{role}{name}-ApiRole",
        "LogGroup": f"/{name}/jobs",
    }
    outputs = [{"OutputKey": key, "OutputValue": value} for key, value in values.items()]
    return {"StackName": name, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}
