"""How a build on AWS stands and what it says, whether it runs on EMR Serverless or on a cluster."""

import gzip
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from batch.emr.aws import POLL_S, Aws, message, reason
from batch.emr.cost import spent_usd
from batch.emr.stack import Stack
from models.errors import SettingsError

ACTIVE_RUNS = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"]
ACTIVE_CLUSTERS = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
_CLUSTER_PREFIX = "j-"
_SAY_AGAIN_S = 60.0
_ENDED = ("SUCCESS", "FAILED", "CANCELLED", "TERMINATED", "TERMINATED_WITH_ERRORS")
_CONTAINER_LOGS = re.compile(r"/(?:steps|containers)/.*/(?:stdout|stderr)(?:\.gz)?$")
_DRIVER_LOGS = re.compile(r"/(?:steps|containers/.*_000001)/(?:.*/)?(?:stdout|stderr)(?:\.gz)?$")
_GOOD_CLUSTER_END = "ALL_STEPS_COMPLETED"
_CLUSTER_STATES = [*ACTIVE_CLUSTERS, "TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"]


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How a run stands.

    Attributes:
        run: id of a job run or of a cluster.
        state: in AWS's words.
        detail: what AWS adds to it.
        succeeded: None while it goes on.
        cost_usd: by the bill that EMR Serverless states; None where it states none.
    """

    run: str
    state: str
    detail: str
    succeeded: bool | None
    cost_usd: float | None = None

    def __str__(self) -> str:
        """Say it in one line."""
        cost = "" if self.cost_usd is None else f"  {self.cost_usd:.2f} USD by the price table"
        return "  ".join(filter(None, [self.run, self.state, self.detail])) + cost


def job_runs(
    aws: Aws, application: str, states: list[str] | None = None, planned: Sequence[Any] = ()
) -> list[dict[str, Any]]:
    """List the runs of an application, all or those in some states; none where it does not exist."""
    request = {"applicationId": application, **({"states": states} if states else {})}
    try:
        pages = list(aws.pages("emr-serverless", "list_job_runs", request, {"jobRuns": list(planned)}))
    except ClientError as error:
        if reason(error) == "ResourceNotFoundException":
            return []
        raise
    return [run for page in pages for run in page["jobRuns"]]


def clusters(
    aws: Aws, stack: str, states: Sequence[str], planned: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """List the clusters of a stack in some states: those that bear its name and the hash of a build."""
    answer = {"Clusters": [{"Id": "j-EACH", "Name": name} for name in planned]}
    pages = aws.pages("emr", "list_clusters", {"ClusterStates": list(states)}, answer)
    own = re.compile(re.escape(stack) + r"-[0-9a-f]{12}")
    return [cluster for page in pages for cluster in page["Clusters"] if own.fullmatch(cluster["Name"])]


def latest_run(aws: Aws, stack: Stack) -> str:
    """Find the newest run of a stack, of either kind.

    Raises:
        SettingsError: there is none yet.
    """
    planned = [{"id": "00planned", "createdAt": 0}]
    runs = [(run["createdAt"], run["id"]) for run in job_runs(aws, stack.application, planned=planned)]
    runs += [
        (cluster["Status"]["Timeline"]["CreationDateTime"], cluster["Id"])
        for cluster in clusters(aws, stack.name, _CLUSTER_STATES)
    ]
    if not runs:
        raise SettingsError(f"Nothing has run yet on {stack.name}; start with `python -m batch emr submit`.")
    return str(max(runs)[1])


def run_status(aws: Aws, stack: Stack, run: str) -> RunStatus:
    """Ask how a run stands.

    Raises:
        SettingsError: no such run.
    """
    try:
        return _cluster_status(aws, run) if run.startswith(_CLUSTER_PREFIX) else _job_status(aws, stack, run)
    except ClientError as error:
        if reason(error) in ("ResourceNotFoundException", "ValidationException", "InvalidRequestException"):
            raise SettingsError(f"There is no run {run} on {stack.name}: {message(error)}") from error
        raise


def follow_run(aws: Aws, stack: Stack, run: str) -> RunStatus:
    """Tell each change of a run until it is over."""
    told, told_at = "", 0.0
    while True:
        status = run_status(aws, stack, run)
        if str(status) != told or time.monotonic() - told_at >= _SAY_AGAIN_S:
            told, told_at = str(status), time.monotonic()
            aws.say(told)
        if status.succeeded is not None:
            return status
        if aws.dry_run:
            aws.say(f"(asked again every {POLL_S:.0f} s until the run is over)")
            return status
        aws.wait(POLL_S)


def log_lines(aws: Aws, stack: Stack, run: str, *, executors: bool = False) -> Iterator[str]:
    """Read what a run has logged so far, oldest first.

    Args:
        aws: the account.
        stack: deployed.
        run: id of a job run or of a cluster.
        executors: also what executors say; else the driver alone.

    Raises:
        SettingsError: no such run, or one that logs elsewhere.
    """
    if run.startswith(_CLUSTER_PREFIX):
        yield from _cluster_log(aws, stack, run, executors)
        return
    overrides = _job_run(aws, stack, run).get("configurationOverrides", {})
    where = overrides.get("monitoringConfiguration", {}).get("cloudWatchLoggingConfiguration")
    if not where:
        raise SettingsError(
            f"The run {run} was not started by `emr submit`: it does not log to {stack.log_group}."
        )
    request = {"logGroupName": where["logGroupName"], "logStreamNamePrefix": where["logStreamNamePrefix"]}
    for page in aws.pages("logs", "filter_log_events", request, {"events": []}):
        for event in page["events"]:
            if executors or "SPARK_EXECUTOR" not in event["logStreamName"].upper():
                yield event["message"].rstrip("\n")


def current_version(aws: Aws, stack: Stack) -> str:
    """Read which bundle is current in the stack's store."""
    where = {"Bucket": stack.bundle_bucket, "Key": "bundles/current.json"}
    answer = aws.call("s3", "get_object", where)
    return str(json.loads(answer["Body"].read())["version"])


def _job_run(aws: Aws, stack: Stack, run: str) -> dict[str, Any]:
    logging = {"logGroupName": stack.log_group, "logStreamNamePrefix": "planned"}
    planned = {
        "state": "SUBMITTED",
        "stateDetails": "",
        "configurationOverrides": {"monitoringConfiguration": {"cloudWatchLoggingConfiguration": logging}},
    }
    who = {"applicationId": stack.application, "jobRunId": run}
    try:
        answer = aws.call("emr-serverless", "get_job_run", who, {"jobRun": planned})
    except ClientError as error:
        if reason(error) in ("ResourceNotFoundException", "ValidationException"):
            raise SettingsError(f"There is no run {run} on {stack.name}: {message(error)}") from error
        raise
    return dict(answer["jobRun"])


def _job_status(aws: Aws, stack: Stack, run: str) -> RunStatus:
    found = _job_run(aws, stack, run)
    state = found["state"]
    succeeded = None if state not in _ENDED else state == "SUCCESS"
    billed = found.get("billedResourceUtilization") or {}
    cost = None
    if billed.get("vCPUHour") is not None:
        cost = spent_usd(billed["vCPUHour"], billed.get("memoryGBHour", 0.0), aws.region)
    return RunStatus(run, state, found.get("stateDetails") or "", succeeded, cost)


def _cluster_status(aws: Aws, run: str) -> RunStatus:
    planned = {"Cluster": {"Status": {"State": "STARTING"}}}
    status = aws.call("emr", "describe_cluster", {"ClusterId": run}, planned)["Cluster"]["Status"]
    change = status.get("StateChangeReason", {})
    succeeded = None
    if status["State"] in _ENDED:
        succeeded = change.get("Code") == _GOOD_CLUSTER_END
    return RunStatus(run, status["State"], change.get("Message", ""), succeeded)


def _cluster_log(aws: Aws, stack: Stack, run: str, executors: bool) -> Iterator[str]:
    """Read what EMR copies to S3 every few minutes: of the step and of the containers of YARN, the first of
    which is the driver's.
    """
    wanted = _CONTAINER_LOGS if executors else _DRIVER_LOGS
    request = {"Bucket": stack.bundle_bucket, "Prefix": f"logs/{run}/"}
    for page in aws.pages("s3", "list_objects_v2", request, {}):
        for entry in page.get("Contents", ()):
            key = entry["Key"]
            if not wanted.search(key):
                continue
            body = aws.call("s3", "get_object", {"Bucket": stack.bundle_bucket, "Key": key})["Body"].read()
            text = (gzip.decompress(body) if key.endswith(".gz") else body).decode("utf-8", "replace")
            yield from (f"{key.rpartition('/')[2]}: {line}" for line in text.splitlines())
