"""An account for tests: moto over HTTP, with the EMR Serverless application that its CloudFormation lacks."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.emrserverless.models import emrserverless_backends

from batch.emr.aws import Aws
from batch.emr.deploy import StackParameters, deploy
from batch.emr.packaging import Package
from batch.emr.stack import Stack
from tests.s3_server import REGION, S3Server

APPLICATION_TYPE = "AWS::EMRServerless::Application"
LABEL_THAT_MOTO_TAKES = "emr-7.0.0"
EMAIL = "alarm@example.com"
# moto forgets what a template's defaults gave when an update asks to keep it: nothing is left to them here.
PARAMETERS: Mapping[str, Any] = {
    "AlarmEmail": EMAIL,
    "MonthlyBudget": 20,
    "MaximumVcpu": 16,
    "MaximumMemory": 64,
    "LogDays": 14,
    "ApiPrincipal": "",
}


def without_warnings_of_moto(parse: Any) -> Any:
    """Moto warns of every type that its CloudFormation leaves out; the tests say which these are."""

    def quiet(*arguments: Any, **named: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return parse(*arguments, **named)

    return quiet


class MotoApplication(CloudFormationModel):
    """Makes and deletes applications for a stack, under AWS's rule that only a stopped one may be deleted."""

    def __init__(self, application_id: str) -> None:
        self.id = application_id

    @property
    def physical_resource_id(self) -> str:
        return self.id

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return APPLICATION_TYPE

    @classmethod
    def create_from_cloudformation_json(  # type: ignore[override]
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "MotoApplication":
        given = cloudformation_json["Properties"]
        made = emrserverless_backends[account_id][region_name].create_application(
            name=given["Name"],
            release_label=LABEL_THAT_MOTO_TAKES,
            application_type=given["Type"],
            client_token=resource_name,
            initial_capacity=None,  # type: ignore[arg-type]
            maximum_capacity={name.lower(): value for name, value in given["MaximumCapacity"].items()},
            tags={},
            auto_start_configuration={"enabled": given["AutoStartConfiguration"]["Enabled"]},
            auto_stop_configuration={"enabled": given["AutoStopConfiguration"]["Enabled"]},
            network_configuration=None,
        )
        made.release_label = given["ReleaseLabel"]
        return cls(made.id)

    @classmethod
    def update_from_cloudformation_json(  # type: ignore[override]
        cls, original_resource: Any, **_: Any
    ) -> "MotoApplication":
        return cls(original_resource.id)

    @classmethod
    def delete_from_cloudformation_json(  # type: ignore[override]
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        emrserverless_backends[account_id][region_name].delete_application(resource_name)


@dataclass
class Account:
    """The account of one test.

    Attributes:
        server: moto, behind HTTP.
        aws: what the code under test is given.
        said: what it told.
        name: of a stack that no other test uses.
    """

    server: S3Server
    aws: Aws
    said: list[str]
    name: str
    options: list[str] = field(default_factory=list)

    def deploy(self, **parameters: Any) -> Stack:
        """Make or change the stack."""
        return deploy(self.aws, self.name, StackParameters(**{**PARAMETERS, **parameters}))

    def names_of_buckets(self) -> set[str]:
        """List the buckets of this stack."""
        listed = self.aws.client("s3").list_buckets()["Buckets"]
        return {entry["Name"] for entry in listed if entry["Name"].startswith(f"{self.name}-")}


@pytest.fixture(scope="session")
def _stack_numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def account(
    s3_server: S3Server, _stack_numbers: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    """Give an account without the stack of this test."""
    monkeypatch.setitem(parsing.get_model_map(), APPLICATION_TYPE, MotoApplication)
    monkeypatch.setattr(parsing, "parse_resource", without_warnings_of_moto(parsing.parse_resource))
    said: list[str] = []
    aws = Aws.open(REGION, endpoint_url=s3_server.endpoint_url)
    aws.say, aws.wait = said.append, lambda _seconds: None
    name = f"fruits-t{next(_stack_numbers)}"
    options = ["--stack", name, "--region", REGION, "--endpoint-url", s3_server.endpoint_url]
    yield Account(s3_server, aws, said, name, options)
    with contextlib.suppress(Exception):
        aws.call("cloudformation", "delete_stack", {"StackName": name})


@pytest.fixture
def small_package(tmp_path: Path) -> Package:
    """Give a package of a few bytes."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "job.py").write_text("print('built')")
    (folder / "fruits-x86_64.tar.gz").write_bytes(b"code and wheels")
    return Package(folder / "job.py", folder / "fruits-x86_64.tar.gz", "ab" * 32)
