"""Makes the stack, or brings it up to date; may be repeated at any time."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from botocore.exceptions import ClientError

from batch.emr.application import stop_application
from batch.emr.aws import POLL_S, Aws, message, reason
from batch.emr.runs import ACTIVE_RUNS, job_runs
from batch.emr.stack import TEMPLATE, Stack, delete_stack, describe, find_stack, follow, known_events
from models.errors import SettingsError

NO_BUDGETS = ("eu-north-1", "eu-south-1", "eu-south-2")
"""Regions whose CloudFormation makes no budgets, by cfn-lint's copy of its registry; the template has them
too.
"""
MAX_NAME_CHARACTERS = 20
_NAME = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
# In review it is a name that a change set was made for, and no stack yet; it stays so without end.
_BROKEN = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS")


@dataclass(frozen=True, slots=True)
class StackParameters:
    """Parameters of the template; None leaves what is deployed, or the template's default, alone."""

    AlarmEmail: str | None = None
    MonthlyBudget: float | None = None
    MaximumVcpu: int | None = None
    MaximumMemory: int | None = None
    LogDays: int | None = None
    ApiPrincipal: str | None = None


def check_name(name: str) -> None:
    """Refuse a name from which no bucket's name can be made.

    Raises:
        SettingsError: it is too long, or has other characters.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_CHARACTERS:
        raise SettingsError(
            f"Expected a stack name of lower-case letters, digits and hyphens, at most {MAX_NAME_CHARACTERS} "
            f"characters, got {name!r}."
        )


def deploy(aws: Aws, name: str, parameters: StackParameters) -> Stack:
    """Make the stack, or change what differs, and give what there is now.

    Raises:
        SettingsError: no address for the alarm of a new stack.
        FruitsError: CloudFormation did not finish; what it says is in the message.
    """
    found = describe(aws, name)
    if found and _changes(found):
        aws.say(f"the stack {name} is {found['StackStatus']}; waiting for that first")
        _settle(aws, name)
        found = describe(aws, name)
    if found and found["StackStatus"] in _BROKEN:
        aws.say(f"the stack {name} is {found['StackStatus']}; clearing that away first")
        delete_stack(aws, name, found.get("StackId", name))
        found = None
    if found is None:
        _create(aws, name, parameters)
    else:
        _update(aws, found, name, parameters)
    return find_stack(aws, name)


def _create(aws: Aws, name: str, parameters: StackParameters) -> None:
    if not parameters.AlarmEmail:
        raise SettingsError("A new stack needs --alarm-email: who is told when costs near the budget.")
    answer = aws.call(
        "cloudformation",
        "create_stack",
        {**_request(name, parameters), "OnFailure": "ROLLBACK"},
        {"StackId": name},
    )
    follow(aws, answer["StackId"], "CREATE_COMPLETE")


def _update(aws: Aws, found: Mapping[str, Any], name: str, parameters: StackParameters) -> None:
    kept = {entry["ParameterKey"] for entry in found.get("Parameters", ())}
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in found.get("Outputs", ())}
    if (application := outputs.get("ApplicationId")) and not job_runs(aws, application, ACTIVE_RUNS):
        stop_application(aws, application)  # it starts again by itself
    told = known_events(aws, name)
    try:
        aws.call("cloudformation", "update_stack", _request(name, parameters, kept))
    except ClientError as error:
        if reason(error) == "ValidationError" and "No updates" in message(error):
            aws.say(f"the stack {name} is up to date")
            return
        raise
    follow(aws, name, "UPDATE_COMPLETE", told)


def _request(name: str, parameters: StackParameters, kept: Collection[str] = ()) -> dict[str, Any]:
    given = {field.name: getattr(parameters, field.name) for field in fields(parameters)}
    values = [
        {"ParameterKey": key, "UsePreviousValue": True}
        if value is None
        else {"ParameterKey": key, "ParameterValue": f"{value}"}
        for key, value in given.items()
        if value is not None or key in kept
    ]
    return {
        "StackName": name,
        "TemplateBody": TEMPLATE.read_text("utf-8"),
        "Parameters": values,
        "Capabilities": ["CAPABILITY_IAM"],
        "Tags": [{"Key": "project", "Value": "fruits"}],
    }


def _settle(aws: Aws, name: str) -> None:
    while (found := describe(aws, name)) and _changes(found):
        aws.wait(POLL_S)


def _changes(found: Mapping[str, Any]) -> bool:
    status = str(found["StackStatus"])
    return status.endswith("_IN_PROGRESS") and status not in _BROKEN
