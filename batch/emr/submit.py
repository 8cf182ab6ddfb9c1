"""Sends a build to AWS: counted and priced first, packed, uploaded once, started once."""

from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from batch.emr.aws import Aws, message, reason
from batch.emr.capacity import Capacity
from batch.emr.cost import Estimate, Mode
from batch.emr.job_request import Job, cluster, job_run
from batch.emr.packaging import Package, build_package
from batch.emr.release import ARCHITECTURE, RELEASE
from batch.emr.runs import ACTIVE_CLUSTERS, ACTIVE_RUNS, clusters, job_runs
from batch.emr.stack import Stack
from models.errors import SettingsError, StoreUnavailable

_PLANNED_PACKAGE = Package(Path("job.py"), Path(f"fruits-{ARCHITECTURE}.tar.gz"), "0" * 64)


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What is to be built.

    Attributes:
        corpora: s3:// addresses.
        capacity: what it runs on.
        max_usd: what it may cost.
        mode: EMR Serverless, or EMR on EC2.
        options: more options of `python -m batch build`.
        subnets: for EC2; those of the default VPC if none.
        package_folder: where the package is made and kept.
    """

    corpora: tuple[str, ...]
    capacity: Capacity
    max_usd: float
    mode: Mode = "serverless"
    options: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    package_folder: Path | None = None

    def arguments(self, stack: Stack, region: str) -> tuple[str, ...]:
        """Write the command line that the job runs: the one of a build anywhere."""
        corpora = [part for uri in self.corpora for part in ("--corpus", uri)]
        places = ["--store", stack.store, "--features", stack.features, "--region", region]
        return ("build", *corpora, *places, *self.options)


def submit(aws: Aws, stack: Stack, request: BuildRequest, priced: Estimate) -> str:
    """Start a build, or find the equal one that is already under way.

    Args:
        aws: the account.
        stack: deployed.
        request: what to build.
        priced: what it is expected to cost; the caller has compared that with `max_usd`.

    Returns:
        the id of the job run, or of the cluster.

    Raises:
        SettingsError: the application is not as the template says, or too small.
        StoreUnavailable: the package could not be uploaded.
    """
    if request.mode == "serverless":
        _check_application(aws, stack, request.capacity)
    package = _package(aws, request.package_folder)
    entry_point, archive = (
        _upload_once(aws, path, stack.bundle_bucket, package.digest)
        for path in (package.entry_point, package.archive)
    )
    timeout = priced.minutes_for(request.max_usd)
    arguments = request.arguments(stack, aws.region)
    job = Job(stack, entry_point, archive, arguments, request.capacity, timeout)
    if request.mode == "ec2":
        return _start_cluster(aws, job, request.subnets)
    return _start_run(aws, job)


def _check_application(aws: Aws, stack: Stack, capacity: Capacity) -> None:
    """Make sure that the application still stops itself and has a cap: a hand may have changed it."""
    planned = {
        "application": {
            "releaseLabel": RELEASE,
            "autoStopConfiguration": {"enabled": True},
            "maximumCapacity": {"cpu": f"{capacity.vcpu} vCPU", "memory": f"{capacity.memory_gb} GB"},
        }
    }
    who = {"applicationId": stack.application}
    application = aws.call("emr-serverless", "get_application", who, planned)["application"]
    again = "run `python -m batch emr deploy` again"
    if application["releaseLabel"] != RELEASE:
        raise SettingsError(
            f"Expected an application of release {RELEASE}, got {application['releaseLabel']}; {again}."
        )
    cap = application.get("maximumCapacity")
    if not cap or not application.get("autoStopConfiguration", {}).get("enabled"):
        raise SettingsError(
            f"The application {stack.application} has no cap or does not stop itself any more; {again}."
        )
    vcpu, memory_gb = (int(cap[name].split()[0].rstrip("vcpuVCPUgbGB")) for name in ("cpu", "memory"))
    if vcpu < capacity.vcpu or memory_gb < capacity.memory_gb:
        raise SettingsError(
            f"{capacity.executors} executors and the driver take {capacity.vcpu} vCPU and "
            f"{capacity.memory_gb} GB, but the application is capped at {vcpu} vCPU and {memory_gb} GB; ask "
            "for fewer with --executors, or raise the cap: `emr deploy --max-vcpu N --max-memory GB`."
        )


def _package(aws: Aws, folder: Path | None) -> Package:
    if aws.dry_run:
        aws.say("(the package is built here, without a call to AWS; zeros stand for its digest)")
        return _PLANNED_PACKAGE
    aws.say("packing code and dependencies")
    return build_package(folder or Path.home() / ".cache" / "fruits" / "package", ARCHITECTURE)


def _upload_once(aws: Aws, path: Path, bucket: str, digest: str) -> str:
    key = f"packages/{digest}/{path.name}"
    try:
        aws.call("s3", "head_object", {"Bucket": bucket, "Key": key})
        there = not aws.dry_run
    except ClientError as error:
        if reason(error) not in ("404", "NoSuchKey", "NotFound"):
            raise StoreUnavailable(f"s3://{bucket}/{key} cannot be looked up: {message(error)}") from error
        there = False
    if not there:
        aws.say(f"uploading {path.name} to s3://{bucket}/{key}")
        aws.upload(path, bucket, key)
    return f"s3://{bucket}/{key}"


def _start_run(aws: Aws, job: Job) -> str:
    for run in job_runs(aws, job.stack.application, ACTIVE_RUNS):
        if run.get("name") == job.name:
            aws.say(f"this very build is under way already: {run['id']}")
            return str(run["id"])
    started = aws.call("emr-serverless", "start_job_run", job_run(job), {"jobRunId": "00planned"})
    aws.say(
        f"started the run {started['jobRunId']}; stopped at the latest after {job.timeout_minutes} minutes"
    )
    return str(started["jobRunId"])


def _start_cluster(aws: Aws, job: Job, subnets: tuple[str, ...]) -> str:
    for found in clusters(aws, job.stack.name, ACTIVE_CLUSTERS):
        if found["Name"] == job.name:
            aws.say(f"this very build is under way already: {found['Id']}")
            return str(found["Id"])
    started = aws.call("emr", "run_job_flow", cluster(job, subnets), {"JobFlowId": "j-PLANNED"})
    aws.say(f"started the cluster {started['JobFlowId']}; it ends with its step, not at --max-cost")
    return str(started["JobFlowId"])
