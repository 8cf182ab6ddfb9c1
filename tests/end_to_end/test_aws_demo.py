"""examples/aws_demo.sh itself, from an empty account to a photo identified and back to nothing.

moto stands in for CloudFormation, IAM and S3; the job is run for real, by the endpoint that runs the very
spark-submit line that was sent (`emr_serverless_server`).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from moto.cloudformation import parsing

from examples.cluster import local_cluster
from tests.batch.emr.conftest import APPLICATION_TYPE, MotoApplication, without_warnings_of_moto
from tests.end_to_end.emr_serverless_server import (
    EmrServerless,
    empty_python,
    own_python,
    serving,
    started_application,
)
from tests.s3_server import REGION

STACK = "fruits-rehearsed"
TIMEOUT_S = 2_000


class RehearsedApplication(MotoApplication):
    """Lets the template's application be the one that runs jobs here, described as the template has it."""

    service: ClassVar[EmrServerless]

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[override]
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> MotoApplication:
        given = cloudformation_json["Properties"]
        capacity = {name.lower(): value for name, value in given["MaximumCapacity"].items()}
        cls.service.application |= {
            "state": "CREATED",
            "releaseLabel": given["ReleaseLabel"],
            "maximumCapacity": capacity,
            "autoStopConfiguration": {"enabled": given["AutoStopConfiguration"]["Enabled"]},
        }
        return cls(cls.service.application["applicationId"])

    @classmethod
    def delete_from_cloudformation_json(  # type: ignore[override]
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        assert cls.service.application["state"] == "STOPPED", "AWS deletes only a stopped application"
        cls.service.application["state"] = "TERMINATED"


def identified(said: str) -> dict[str, Any]:
    """Read the answer that the script shows."""
    shown = said.split("##### 6. ")[1].split("\n", 1)[1]
    answer: dict[str, Any] = json.JSONDecoder().raw_decode(shown)[0]
    return answer


@pytest.mark.drill
@pytest.mark.timeout(TIMEOUT_S + 300)
def test_the_demonstration_goes_from_an_empty_account_to_a_photo_identified_and_back(
    s3_server: Any, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = empty_python(own_python(), tmp_path / "python")
    (tmp_path / "home" / ".cache" / "fruits").mkdir(parents=True)
    (project / "build" / "emr").mkdir(parents=True, exist_ok=True)
    (tmp_path / "home" / ".cache" / "fruits" / "package").symlink_to(project / "build" / "emr")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint_url)  # before the executors inherit it
    # The script asks for executors of AWS's sizes: one worker says that it has so much, and nobody checks
    with local_cluster(tmp_path / "cluster", workers=1, cores=4, memory="5g") as cluster:
        service = EmrServerless(
            started_application(), s3_server.client(), cluster.master, python, tmp_path / "runs"
        )
        RehearsedApplication.service = service
        monkeypatch.setitem(parsing.get_model_map(), APPLICATION_TYPE, RehearsedApplication)
        monkeypatch.setattr(parsing, "parse_resource", without_warnings_of_moto(parsing.parse_resource))
        with serving(service) as address:
            monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", address)
            given = {"ALARM_EMAIL": "alarm@example.com", "STACK": STACK, "REGION": REGION, "YES": "1"}
            given |= {"EXECUTORS": "1", "WORK": str(tmp_path / "work"), "PYTHON": sys.executable}
            ran = subprocess.run(
                ["bash", "examples/aws_demo.sh"],
                cwd=project,
                env={**os.environ, **given, "HOME": str(tmp_path / "home")},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
    assert ran.returncode == 0, f"{ran.stdout[-2_000:]}\n{ran.stderr[-4_000:]}"
    answer = identified(ran.stdout)
    assert answer["answer"]["id"].partition("/")[0] == "banana"
    (run,) = service.runs
    built = (tmp_path / "runs" / run / "stdout").read_text().splitlines()[-1]
    assert answer["bundle"]["version"] == built
    assert built in ran.stdout.split("##### 5. ")[1].split("##### 6. ")[0]
    left = [bucket["Name"] for bucket in s3_server.client().list_buckets()["Buckets"]]
    assert [name for name in left if name.startswith(STACK)] == []
    assert service.application["state"] == "TERMINATED"
