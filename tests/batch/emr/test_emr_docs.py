"""docs/aws.md and the demonstration: the commands they give exist, each step says how far it was proven."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.validate import ParamValidator

from batch.__main__ import _parser
from batch.emr.capacity import EC2, SERVERLESS
from batch.emr.cost import estimate, peers_mark
from models.regions import EU_REGIONS
from tests.batch.emr.conftest import Account
from tests.s3_server import REGION

MARKS = ("**Run here", "**run here", "**checked by a tool", "**Not run", "**not run")


@pytest.fixture
def page(project: Path) -> str:
    return (project / "docs/aws.md").read_text("utf-8")


def commands(text: str) -> list[str]:
    found = re.findall(r"^python -m batch (.+)$", text, re.MULTILINE)
    return found + [command for command in re.findall(r"`python -m batch ([^`]+)`", text) if " " in command]


@pytest.mark.parametrize("name", ["aws.md", "gdpr.md"])
def test_every_command_of_ours_that_a_page_gives_can_be_given(project: Path, name: str) -> None:
    given = commands((project / "docs" / name).read_text("utf-8").replace("\n", "\n"))
    assert given
    for command in given:
        arguments = shlex.split(command.replace("bundles list", "bundles list --store s3://x"))
        assert callable(_parser().parse_args(arguments).command)


def test_the_pages_show_every_command_below_emr(page: str) -> None:
    shown = {command.split()[1] for command in commands(page) if command.startswith("emr ")}
    assert shown == {"deploy", "estimate", "submit", "status", "logs", "teardown"}


def test_every_step_says_how_far_it_was_proven(page: str) -> None:
    steps = re.split(r"^## \d+\. ", page, flags=re.MULTILINE)[1:]
    assert len(steps) == 10
    for step in steps:
        assert any(mark in step for mark in MARKS), step.splitlines()[0]


def test_the_figures_on_the_page_are_those_of_the_tables(page: str) -> None:
    photos, _ = peers_mark()
    ours, cluster = estimate(photos, REGION, SERVERLESS), estimate(photos, REGION, EC2, "ec2")
    assert f"about {ours.minutes:.0f} minutes and {ours.usd:.2f} USD on 3 executors" in page
    assert f"about {cluster.usd:.2f} USD for {photos:,} photos" in page


@pytest.mark.parametrize("name", ["aws.md", "gdpr.md"])
def test_the_pages_name_every_region_that_may_be_used(project: Path, name: str) -> None:
    text = (project / "docs" / name).read_text("utf-8")
    assert [region for region in EU_REGIONS if f"`{region}`" not in text] == []


def test_the_service_that_the_page_describes_is_one_that_ecs_takes(page: str) -> None:
    (document,) = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    service = json.loads(document)
    model = boto3.Session()._session.get_service_model("ecs")
    shape = model.operation_model("CreateExpressGatewayService").input_shape
    assert ParamValidator().validate(service, shape).generate_report() == ""
    names = {entry["name"] for entry in service["primaryContainer"]["environment"]}
    from api.settings import Settings, variable

    assert names <= {variable(setting) for setting in Settings.__dataclass_fields__.values()}


def test_the_demonstration_starts_with_nothing_when_it_lacks_an_address(project: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ALARM_EMAIL"}
    ran = subprocess.run(
        ["bash", "examples/aws_demo.sh"],
        cwd=project,
        env={**environment, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2
    assert "ALARM_EMAIL" in ran.stderr
    assert ran.stdout == ""


STAND_IN = """#!/bin/sh
echo "$*" >> "$NOTES"
case "$*" in
  *"emr estimate"*) kill -"$SIGNAL" $PPID ;;
  *"emr deploy"*) exit 1 ;;
esac
"""


@pytest.mark.parametrize(
    ("signal", "code", "last"),
    [("TERM", 143, "emr estimate"), ("INT", 130, "emr estimate"), ("0", 1, "emr deploy")],
)
def test_the_demonstration_stops_where_it_is_stopped_and_says_what_stays(
    project: Path, tmp_path: Path, signal: str, code: int, last: str
) -> None:
    program, notes = tmp_path / "python", tmp_path / "notes"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    given = {"ALARM_EMAIL": "a@b.eu", "PYTHON": str(program), "NOTES": str(notes), "SIGNAL": signal}
    given |= {"PHOTOS": str(project / "docs"), "ASK": str(tmp_path / "asked.jpg")}
    ran = subprocess.run(
        # What starts the tests in the background may have them ignore INT, and a shell keeps to that.
        ["env", "--default-signal=INT", "bash", "examples/aws_demo.sh"],
        cwd=project,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == code
    assert last in notes.read_text().splitlines()[-1]
    assert "emr teardown --delete-data --stack fruits-demo --region eu-west-3" in ran.stderr


def test_the_demonstration_uploads_what_is_not_there_yet(
    account: Account, project: Path, tmp_path: Path
) -> None:
    for name in ("apple/1.jpg", "apple/2.jpg", "pear/1.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(name.encode())
    target = account.server.new_bucket("photos")
    environment = {**os.environ, "AWS_ENDPOINT_URL": account.server.endpoint_url}

    def upload() -> str:
        command = [sys.executable, "-m", "examples.aws_steps", "upload", str(tmp_path / "photos"), target]
        ran = subprocess.run(
            [*command, "--region", REGION], cwd=project, env=environment, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert upload().startswith("3 of 3 files uploaded")
    (tmp_path / "photos/pear/2.jpg").write_bytes(b"new")
    assert upload().startswith("1 of 4 files uploaded")
    bucket = target.removeprefix("s3://").split("/")[0]
    listed = account.server.client().list_objects_v2(Bucket=bucket)["Contents"]
    assert {entry["Key"] for entry in listed} == {
        *("photos/apple/1.jpg", "photos/apple/2.jpg", "photos/pear/1.jpg", "photos/pear/2.jpg")
    }
