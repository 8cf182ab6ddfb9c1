"""What is sent: requests held against botocore's description of the services, uploads over HTTP.

moto refuses the release and ends jobs at once; here botocore's Stubber stands in for EMR, which holds every
request and every answer against the service's model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from batch.emr import submit as submitting
from batch.emr.aws import Aws
from batch.emr.capacity import EC2, SERVERLESS, Capacity
from batch.emr.corpus_bucket import corpus_uri, count_photos
from batch.emr.cost import estimate
from batch.emr.job_request import Job, cluster, job_run
from batch.emr.packaging import Package
from batch.emr.release import RELEASE
from batch.emr.runs import current_version, follow_run, latest_run, log_lines, run_status
from batch.emr.stack import Stack
from batch.emr.submit import BuildRequest, submit
from models.errors import CorpusError, LocationInvalid, SettingsError
from tests.batch.emr.conftest import Account
from tests.s3_server import REGION

ROLE = "arn:aws:iam::123456789012:role/"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PRICED = estimate(1000, REGION, SERVERLESS)


@pytest.fixture
def stack(account: Account) -> Stack:
    """Give two real buckets and an application that only requests speak of."""
    corpus, bundles = (account.server.new_bucket().removeprefix("s3://") for _ in range(2))
    roles = (f"{ROLE}job", f"{ROLE}cluster", "profile", f"{ROLE}api")
    return Stack("fruits", corpus, bundles, "00app", *roles, "/fruits/jobs")


@pytest.fixture
def request_of_build(stack: Stack, small_package: Package, monkeypatch: pytest.MonkeyPatch) -> BuildRequest:
    """Give a request whose package is made at once."""
    monkeypatch.setattr(submitting, "build_package", lambda *_: small_package)
    return BuildRequest((f"s3://{stack.corpus_bucket}/photos",), SERVERLESS, max_usd=1.0)


def application(**changes: Any) -> dict[str, Any]:
    return {
        "application": {
            "applicationId": "00app",
            "arn": "arn:aws:emr-serverless:eu-west-3:123456789012:/applications/00app",
            "releaseLabel": RELEASE,
            "type": "Spark",
            "state": "STOPPED",
            "createdAt": NOW,
            "updatedAt": NOW,
            "autoStopConfiguration": {"enabled": True, "idleTimeoutMinutes": 5},
            "maximumCapacity": {"cpu": "16 vCPU", "memory": "64 GB"},
            **changes,
        }
    }


def listed_run(run: str, name: str, state: str = "RUNNING", at: datetime = NOW) -> dict[str, Any]:
    return {
        "applicationId": "00app",
        "id": run,
        "name": name,
        "arn": f"arn:aws:emr-serverless:eu-west-3:123456789012:/applications/00app/jobruns/{run}",
        "createdBy": f"{ROLE}me",
        "createdAt": at,
        "updatedAt": at,
        "executionRole": f"{ROLE}job",
        "state": state,
        "stateDetails": "-",
        "releaseLabel": RELEASE,
    }


def described_run(run: str, state: str, detail: str = "-", **more: Any) -> dict[str, Any]:
    listed = listed_run(run, "fruits-x", state)
    listed["jobRunId"] = listed.pop("id")
    driver = {"sparkSubmit": {"entryPoint": "s3://bucket/job.py"}}
    return {"jobRun": {**listed, "stateDetails": detail, "jobDriver": driver, **more}}


@contextmanager
def stubbed(aws: Aws, service: str) -> Iterator[Stubber]:
    with Stubber(aws.client(service)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def sent(aws: Aws, service: str, operation: str) -> list[dict[str, Any]]:
    """Collect the parameters of every such request from now on."""
    found: list[dict[str, Any]] = []
    aws.client(service).meta.events.register(
        f"before-parameter-build.{service}.{operation}", lambda params, **_: found.append(params)
    )
    return found


def keys(account: Account, bucket: str) -> list[str]:
    listed = account.server.client().list_objects_v2(Bucket=bucket)
    return [entry["Key"] for entry in listed.get("Contents", ())]


def test_a_build_is_uploaded_and_started_with_its_whole_configuration(
    account: Account, stack: Stack, request_of_build: BuildRequest, small_package: Package
) -> None:
    starts = sent(account.aws, "emr-serverless", "StartJobRun")
    with stubbed(account.aws, "emr-serverless") as emr:
        emr.add_response("get_application", application(), {"applicationId": "00app"})
        emr.add_response("list_job_runs", {"jobRuns": []}, {"applicationId": "00app", "states": ANY})
        emr.add_response(
            "start_job_run", {"applicationId": "00app", "jobRunId": "00run", "arn": f"arn:{0:060d}"}
        )
        run = submit(account.aws, stack, replace(request_of_build, options=("--components", "32")), PRICED)

    assert run == "00run"
    folder = f"packages/{small_package.digest}"
    assert keys(account, stack.bundle_bucket) == [f"{folder}/fruits-x86_64.tar.gz", f"{folder}/job.py"]
    (start,) = starts
    assert start["executionRoleArn"] == stack.job_role
    assert start["executionTimeoutMinutes"] == PRICED.minutes_for(1.0)
    assert start["retryPolicy"] == {"maxAttempts": 1}
    spark = start["jobDriver"]["sparkSubmit"]
    assert spark["entryPoint"] == f"s3://{stack.bundle_bucket}/{folder}/job.py"
    assert spark["entryPointArguments"] == [
        *("build", "--corpus", f"s3://{stack.corpus_bucket}/photos", "--store", stack.store),
        *("--features", stack.features, "--region", REGION, "--components", "32"),
    ]
    settings = dict(part.split("=", 1) for part in spark["sparkSubmitParameters"].split() if part != "--conf")
    assert settings["spark.archives"] == f"s3://{stack.bundle_bucket}/{folder}/fruits-x86_64.tar.gz#deps"
    assert settings["spark.emr-serverless.driverEnv.PYTHONPATH"] == "./deps"
    assert settings["spark.executorEnv.PYTHONPATH"] == "./deps"
    assert settings["spark.executor.memory"] == "4g"
    assert settings["spark.executor.memoryOverhead"] == "8g"
    assert settings["spark.dynamicAllocation.maxExecutors"] == "3"
    logging = start["configurationOverrides"]["monitoringConfiguration"]
    assert logging["cloudWatchLoggingConfiguration"]["logGroupName"] == "/fruits/jobs"
    assert logging["managedPersistenceMonitoringConfiguration"] == {"enabled": False}


def test_the_arguments_are_those_of_the_build_command(stack: Stack, request_of_build: BuildRequest) -> None:
    from batch.__main__ import _parser

    options = ("--components", "32", "--strict-labels", "--force")
    arguments = replace(request_of_build, options=options).arguments(stack, REGION)
    given = _parser().parse_args(arguments)
    assert given.corpus == [f"s3://{stack.corpus_bucket}/photos"]
    assert (given.store, given.features, given.region) == (stack.store, stack.features, REGION)
    assert (given.components, given.strict_labels, given.force) == (32, True, True)


def test_what_is_uploaded_already_is_not_uploaded_again(
    account: Account, stack: Stack, request_of_build: BuildRequest
) -> None:
    puts = sent(account.aws, "s3", "PutObject")
    for _ in range(2):
        with stubbed(account.aws, "emr-serverless") as emr:
            emr.add_response("get_application", application())
            emr.add_response("list_job_runs", {"jobRuns": []})
            emr.add_response(
                "start_job_run", {"applicationId": "00app", "jobRunId": "00run", "arn": f"arn:{0:060d}"}
            )
            submit(account.aws, stack, request_of_build, PRICED)
    assert len(puts) == 2


def test_a_second_submission_of_a_running_build_finds_the_first(
    account: Account, stack: Stack, request_of_build: BuildRequest, small_package: Package
) -> None:
    places = [
        f"s3://{stack.bundle_bucket}/packages/{small_package.digest}/{path.name}"
        for path in (small_package.entry_point, small_package.archive)
    ]
    job = Job(stack, *places, request_of_build.arguments(stack, REGION), SERVERLESS, 5)
    with stubbed(account.aws, "emr-serverless") as emr:
        emr.add_response("get_application", application())
        runs = [listed_run("00other", "fruits-000000000000"), listed_run("00first", job.name)]
        emr.add_response("list_job_runs", {"jobRuns": runs})
        assert submit(account.aws, stack, request_of_build, PRICED) == "00first"
    assert "this very build is under way already: 00first" in account.said


def test_another_build_has_another_name(stack: Stack) -> None:
    def name(**changes: Any) -> str:
        one = Job(stack, "s3://b/job.py", "s3://b/code.tar.gz", ("build",), SERVERLESS, 60)
        return replace(one, **changes).name

    assert name() == name(timeout_minutes=90)
    assert len({name(), name(arguments=("build", "--force")), name(archive="s3://b/2.tar.gz")}) == 3
    assert name() != name(capacity=Capacity(executors=2))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"releaseLabel": "emr-7.0.0"}, "Expected an application of release"),
        ({"autoStopConfiguration": {"enabled": False}}, "does not stop itself"),
        ({"maximumCapacity": {"cpu": "8 vCPU", "memory": "64 GB"}}, "capped at 8 vCPU"),
        ({"maximumCapacity": {"cpu": "16vCPU", "memory": "40GB"}}, "capped at 16 vCPU and 40 GB"),
    ],
    ids=["another release", "never stops", "too few cores", "too little memory"],
)
def test_an_application_that_is_not_as_deployed_is_refused_before_anything_is_uploaded(
    account: Account, stack: Stack, request_of_build: BuildRequest, changes: dict[str, Any], message: str
) -> None:
    with stubbed(account.aws, "emr-serverless") as emr:
        emr.add_response("get_application", application(**changes))
        with pytest.raises(SettingsError, match=message):
            submit(account.aws, stack, request_of_build, PRICED)
    assert keys(account, stack.bundle_bucket) == []


def test_a_cluster_runs_the_same_job_on_spot_machines_and_ends_twice_over(
    account: Account, stack: Stack, request_of_build: BuildRequest
) -> None:
    starts = sent(account.aws, "emr", "RunJobFlow")
    on_ec2 = replace(request_of_build, mode="ec2", capacity=EC2, subnets=("subnet-1",))
    with stubbed(account.aws, "emr") as emr:
        emr.add_response("list_clusters", {"Clusters": []})
        emr.add_response("run_job_flow", {"JobFlowId": "j-1"})
        assert submit(account.aws, stack, on_ec2, PRICED) == "j-1"

    (start,) = starts
    assert start["ReleaseLabel"] == RELEASE
    assert start["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
    assert start["AutoTerminationPolicy"] == {"IdleTimeout": 300}
    assert start["Instances"]["Ec2SubnetIds"] == ["subnet-1"]
    fleets = {fleet["InstanceFleetType"]: fleet for fleet in start["Instances"]["InstanceFleets"]}
    capacities = {
        kind: (fleet["TargetOnDemandCapacity"], fleet["TargetSpotCapacity"]) for kind, fleet in fleets.items()
    }
    assert capacities == {"MASTER": (1, 0), "CORE": (1, 0), "TASK": (0, 3)}
    spot = fleets["TASK"]["LaunchSpecifications"]["SpotSpecification"]
    assert spot["AllocationStrategy"] == "price-capacity-optimized"
    assert len(fleets["TASK"]["InstanceTypeConfigs"]) > 1
    step = start["Steps"][0]["HadoopJarStep"]["Args"]
    assert step[:3] == ["spark-submit", "--deploy-mode", "cluster"]
    assert step[-len(on_ec2.arguments(stack, REGION)) :] == list(on_ec2.arguments(stack, REGION))
    assert "spark.yarn.appMasterEnv.PYTHONPATH=./deps" in step


def test_both_modes_run_the_same_file_with_the_same_arguments(stack: Stack) -> None:
    job = Job(stack, "s3://b/job.py", "s3://b/code.tar.gz", ("build", "--corpus", "x"), SERVERLESS, 60)
    spark = job_run(job)["jobDriver"]["sparkSubmit"]
    step = cluster(job)["Steps"][0]["HadoopJarStep"]["Args"]
    assert step[-4:] == [spark["entryPoint"], *spark["entryPointArguments"]]


def test_photos_are_counted_as_the_build_will_count_them(account: Account, stack: Stack) -> None:
    client = account.server.client()
    for key in ("photos/apple/1.jpg", "photos/apple/2.HEIC", "photos/labels.csv", "other/3.jpg"):
        client.put_object(Bucket=stack.corpus_bucket, Key=key, Body=b"x")
    client.put_object(Bucket=stack.corpus_bucket, Key="photos/pear/", Body=b"")

    assert count_photos(account.aws, f"s3://{stack.corpus_bucket}/photos") == 2
    with pytest.raises(CorpusError, match="aws s3 sync"):
        count_photos(account.aws, f"s3://{stack.corpus_bucket}/nothing")
    with pytest.raises(CorpusError, match="cannot be listed"):
        count_photos(account.aws, "s3://no-such-bucket-anywhere/photos")


def test_a_corpus_is_a_prefix_or_an_address_in_the_one_bucket_that_the_job_may_read() -> None:
    assert corpus_uri("photos", "bucket-1") == "s3://bucket-1/photos"
    assert corpus_uri("/phone/2026/", "bucket-1") == "s3://bucket-1/phone/2026"
    assert corpus_uri("s3://bucket-1/a/b", "bucket-1") == "s3://bucket-1/a/b"
    with pytest.raises(SettingsError, match="the one bucket that the job may read"):
        corpus_uri("s3://elsewhere/photos", "bucket-1")
    with pytest.raises(LocationInvalid):
        corpus_uri("a/../b", "bucket-1")


def test_a_run_is_followed_to_its_end_and_priced_by_its_bill(account: Account, stack: Stack) -> None:
    billed = {"vCPUHour": 2.0, "memoryGBHour": 8.0, "storageGBHour": 0.0}
    with stubbed(account.aws, "emr-serverless") as emr:
        for state in ("SUBMITTED", "RUNNING", "RUNNING", "SUCCESS"):
            more = {"billedResourceUtilization": billed} if state == "SUCCESS" else {}
            emr.add_response("get_job_run", described_run("00run", state, **more))
        status = follow_run(account.aws, stack, "00run")

    assert status.succeeded is True
    assert status.cost_usd == pytest.approx(1.25 * (2 * 0.0526 + 8 * 0.0058))
    assert [line.split()[1] for line in account.said] == ["SUBMITTED", "RUNNING", "SUCCESS"]


def test_a_run_that_failed_says_why(account: Account, stack: Stack) -> None:
    with stubbed(account.aws, "emr-serverless") as emr:
        emr.add_response("get_job_run", described_run("00run", "FAILED", "out of memory"))
        status = run_status(account.aws, stack, "00run")
    assert status.succeeded is False
    assert "out of memory" in str(status)


@pytest.mark.parametrize(
    ("state", "code", "succeeded"),
    [
        ("RUNNING", None, None),
        ("TERMINATING", "ALL_STEPS_COMPLETED", None),
        ("TERMINATED", "ALL_STEPS_COMPLETED", True),
        ("TERMINATED", "USER_REQUEST", False),
        ("TERMINATED_WITH_ERRORS", "STEP_FAILURE", False),
    ],
)
def test_a_cluster_did_well_only_if_its_step_did(
    account: Account, stack: Stack, state: str, code: str | None, succeeded: bool | None
) -> None:
    reason = {"StateChangeReason": {"Code": code, "Message": "so it is"}} if code else {}
    with stubbed(account.aws, "emr") as emr:
        emr.add_response("describe_cluster", {"Cluster": {"Id": "j-1", "Status": {"State": state, **reason}}})
        assert run_status(account.aws, stack, "j-1").succeeded is succeeded


def test_an_unknown_run_is_named(account: Account, stack: Stack) -> None:
    with stubbed(account.aws, "emr-serverless") as emr:
        emr.add_client_error("get_job_run", "ResourceNotFoundException", "no such job run")
        with pytest.raises(SettingsError, match="There is no run 00none on fruits"):
            run_status(account.aws, stack, "00none")


def test_the_newest_run_is_found_whichever_kind_it_is(account: Account, stack: Stack) -> None:
    later = datetime(2026, 11, 24, tzinfo=UTC)
    clusters = [
        {"Id": f"j-{name}", "Name": name, "Status": {"Timeline": {"CreationDateTime": later}}}
        for name in ("fruits-demo-0123456789ab", "fruits-0123456789ab", "fruits-by-hand", "another")
    ]
    with stubbed(account.aws, "emr-serverless") as serverless, stubbed(account.aws, "emr") as emr:
        serverless.add_response("list_job_runs", {"jobRuns": [listed_run("00run", "fruits-x")]})
        emr.add_response("list_clusters", {"Clusters": clusters})
        assert latest_run(account.aws, stack) == "j-fruits-0123456789ab"
        serverless.add_response("list_job_runs", {"jobRuns": []})
        emr.add_response("list_clusters", {"Clusters": []})
        with pytest.raises(SettingsError, match="Nothing has run yet"):
            latest_run(account.aws, stack)


def test_logs_are_those_of_the_driver_unless_more_is_asked_for(account: Account, stack: Stack) -> None:
    where = {"enabled": True, "logGroupName": "/fruits/jobs", "logStreamNamePrefix": "fruits-x-1"}
    overrides = {"monitoringConfiguration": {"cloudWatchLoggingConfiguration": where}}
    events = [
        {"logStreamName": "fruits-x-1/jobs/00run/SPARK_DRIVER/stdout", "message": "42 photos\n"},
        {"logStreamName": "fruits-x-1/jobs/00run/SPARK_EXECUTOR/1/stderr", "message": "one warning"},
    ]
    for executors, lines in ((False, ["42 photos"]), (True, ["42 photos", "one warning"])):
        with stubbed(account.aws, "emr-serverless") as emr, stubbed(account.aws, "logs") as logs:
            emr.add_response(
                "get_job_run", described_run("00run", "SUCCESS", configurationOverrides=overrides)
            )
            request = {"logGroupName": "/fruits/jobs", "logStreamNamePrefix": "fruits-x-1"}
            logs.add_response("filter_log_events", {"events": events}, request)
            assert list(log_lines(account.aws, stack, "00run", executors=executors)) == lines


def test_the_log_of_a_cluster_is_read_from_s3(account: Account, stack: Stack) -> None:
    import gzip

    client = account.server.client()
    of_the_build = "containers/application_1_0001/container_1_0001_01_00000"
    for place, text in (
        (f"{of_the_build}1/stdout.gz", "42 photos\n"),
        (f"{of_the_build}2/stderr.gz", "an executor\n"),
        ("node/i-1/applications/hadoop-yarn/stdout.gz", "a machine\n"),
        ("steps/s-1/controller.gz", "EMR itself\n"),
        ("steps/s-1/stderr.gz", "the step\n"),
    ):
        body = gzip.compress(text.encode())
        client.put_object(Bucket=stack.bundle_bucket, Key=f"logs/j-1/{place}", Body=body)
    assert list(log_lines(account.aws, stack, "j-1")) == ["stdout.gz: 42 photos", "stderr.gz: the step"]
    assert "stderr.gz: an executor" in log_lines(account.aws, stack, "j-1", executors=True)
    assert len(list(log_lines(account.aws, stack, "j-1", executors=True))) == 3


def test_a_run_that_somebody_else_started_is_said_to_log_elsewhere(account: Account, stack: Stack) -> None:
    with stubbed(account.aws, "emr-serverless") as emr:
        emr.add_response("get_job_run", described_run("00run", "SUCCESS"))
        with pytest.raises(SettingsError, match="00run was not started by `emr submit`"):
            list(log_lines(account.aws, stack, "00run"))


def test_the_version_that_is_current_afterwards_is_read_from_the_store(
    account: Account, stack: Stack
) -> None:
    pointer = Path(f"{stack.store}/current.json").name
    body = b'{"version": "20261122T181500Z-3f9a1c", "published_at": "2026-11-22"}'
    account.server.client().put_object(Bucket=stack.bundle_bucket, Key=f"bundles/{pointer}", Body=body)
    assert current_version(account.aws, stack) == "20261122T181500Z-3f9a1c"
