"""The rehearsal of a build on EMR Serverless: what `submit` sends is what runs, from upload to a photo
identified.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from batch.emr.aws import Aws
from batch.emr.capacity import Capacity
from batch.emr.cost import estimate
from batch.emr.job_request import Job, job_run
from batch.emr.runs import current_version, follow_run
from batch.emr.stack import Stack
from batch.emr.submit import BuildRequest, submit
from batch.synthetic import render_corpus
from examples.cluster import local_cluster
from tests.end_to_end.emr_serverless_server import (
    APPLICATION,
    EmrServerless,
    empty_python,
    own_python,
    serving,
    started_application,
)
from tests.end_to_end.s3_builds import assert_a_banana_is_identified, upload
from tests.s3_server import REGION

ROLE = "arn:aws:iam::123456789012:role/fruits-job"
SMALL = Capacity(
    executors=2,
    driver_vcpu=1,
    driver_heap_gb=1,
    driver_python_gb=1,
    executor_vcpu=1,
    executor_heap_gb=1,
    executor_python_gb=1,
)


def stack(corpus: str, bundles: str) -> Stack:
    names = (corpus.split("/")[2], bundles.split("/")[2])
    return Stack("fruits", *names, APPLICATION, ROLE, ROLE, "profile", ROLE, "/fruits/jobs")


def test_what_aws_would_refuse_is_refused(s3_server: Any, tmp_path: Path) -> None:
    service = EmrServerless(
        started_application(), s3_server.client(), "local[1]", Path(sys.executable), tmp_path
    )
    good = job_run(
        Job(stack("s3://corpus", "s3://bundles"), "s3://b/job.py", "s3://b/a.tar.gz", ("build",), SMALL, 60)
    )
    with serving(service) as address:
        unchecked = Config(parameter_validation=False)
        client = boto3.client("emr-serverless", REGION, endpoint_url=address, config=unchecked)
        for name, value in (
            ("executionRoleArn", "arn:aws:iam::12:role/too-short"),
            ("clientToken", "not a token"),
            ("mode", "SOMETIMES"),
            ("executionTimeoutMinutes", -1),
        ):
            with pytest.raises(client.exceptions.ValidationException):
                client.start_job_run(**{**good, name: value})
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.start_job_run(**{**good, "applicationId": "00another"})
    assert service.runs == {}


@pytest.mark.drill
@pytest.mark.timeout(2_400)
def test_the_job_that_is_sent_to_aws_builds_a_bundle_that_the_api_answers_from(
    s3_server: Any, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = empty_python(own_python(), tmp_path / "python")
    bare = subprocess.run([python, "-c", "import numpy"], capture_output=True, text=True)
    assert "No module named 'numpy'" in bare.stderr
    render_corpus(tmp_path / "corpus", photos_per_fruit=20, negatives=24, seed=1)
    where = stack(s3_server.new_bucket(), s3_server.new_bucket())
    upload(tmp_path / "corpus", s3_server.client(), where.corpus_bucket)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint_url)
    request = BuildRequest(
        corpora=(f"s3://{where.corpus_bucket}/photos",),
        capacity=SMALL,
        max_usd=1.0,
        options=("--components", "16"),
        package_folder=project / "build" / "emr",
    )
    with local_cluster(tmp_path / "cluster") as cluster:
        service = EmrServerless(
            started_application(), s3_server.client(), cluster.master, python, tmp_path / "runs"
        )
        with serving(service) as address:
            monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", address)
            aws = Aws.open(REGION)
            run = submit(aws, where, request, estimate(84, REGION, SMALL, "serverless"))
            assert submit(aws, where, request, estimate(84, REGION, SMALL, "serverless")) == run
            status = follow_run(aws, where, run)
            assert status.succeeded, service.runs[run]["stateDetails"]
    version = current_version(aws, where)
    # spark-submit lets the log of a Python driver and what it prints come out in one stream.
    assert (tmp_path / "runs" / run / "stdout").read_text().splitlines()[-1] == version

    assert_a_banana_is_identified(where.store, version, s3_server.endpoint_url, tmp_path)
