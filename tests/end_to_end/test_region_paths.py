"""Every way in which a region reaches the product ends at the same gate: inside the European Union, or not at
all, before any call is made and before credentials are asked for.
"""

from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest

from api.bundle_source import bundle_source
from api.settings import Settings
from batch.__main__ import main
from batch.corpus import list_photos
from batch.feature_store import FeatureStore
from batch.settings import BuildSettings
from batch.sources import find_sources
from examples import aws_steps
from models import s3_access
from models.errors import LocationMissing, RegionRefused
from models.labels import LabelRules
from models.locations import S3Options, open_location
from models.store import open_store
from tests.flaky_server import FlakyServer, flaky_server

ABROAD = ("eu-west-2", "eu-central-2", "us-east-1")
WRONG_USAGE = 2

Opener = Callable[[str, S3Options, Path], object]


def run_command(*arguments: str) -> Callable[[str, S3Options, Path], None]:
    """Run a command of the batch program; `URI` stands for the address."""

    def run(uri: str, s3: S3Options, folder: Path) -> None:
        given = [argument.replace("URI", uri) for argument in arguments]
        for flag, value in (("--endpoint-url", s3.endpoint_url), ("--region", s3.region)):
            given += [flag, value] if value else []
        given += ["--profile", s3.profile] if s3.profile else []
        with redirect_stderr(StringIO()) as said:
            code = main(given)
        assert code == WRONG_USAGE, said.getvalue()
        if "only regions inside the European Union are used" in said.getvalue():
            raise RegionRefused(said.getvalue())

    return run


def load_in_the_api(uri: str, s3: S3Options, folder: Path) -> object:
    """Ask which bundle is current, as the API does."""
    settings = Settings(
        store=uri,
        s3_endpoint=s3.endpoint_url,
        s3_region=s3.region,
        s3_profile=s3.profile,
        cache=str(folder),
    )
    return bundle_source(settings).current()


OPENERS: dict[str, Opener] = {
    "a location": lambda uri, s3, folder: open_location(uri, s3),
    "a store": lambda uri, s3, folder: open_store(uri, s3),
    "a corpus": lambda uri, s3, folder: list_photos(uri, s3, rules=LabelRules.default()),
    "the sources of a build": lambda uri, s3, folder: find_sources(
        BuildSettings(corpora=(uri,), store=str(folder), s3=s3), None
    ),
    "a feature store": lambda uri, s3, folder: FeatureStore(uri, s3).space("0" * 64).shards(),
    "the API's store": load_in_the_api,
    "build": run_command("build", "--corpus", "URI", "--store", "URI"),
    "build from S3": run_command("build", "--corpus", "URI", "--store", "bundles"),
    "build into S3": run_command("build", "--corpus", "photos", "--store", "URI"),
    "build with features on S3": run_command(
        "build", "--corpus", "photos", "--store", "bundles", "--features", "URI"
    ),
    "build through Hadoop into S3": run_command(
        "build", "--corpus", "hdfs://127.0.0.1:9/x", "--store", "URI"
    ),
    "build from S3 and through Hadoop": run_command(
        "build", "--corpus", "hdfs://127.0.0.1:9/x", "--corpus", "URI", "--store", "bundles"
    ),
    "evaluate a bundle": run_command("evaluate", "--bundle", "URI", "--photos", "photos"),
    "evaluate on photos": run_command("evaluate", "--photos", "URI"),
    "bundles list": run_command("bundles", "list", "--store", "URI"),
    "bundles promote": run_command("bundles", "promote", "20261122T181500Z-3f9a1c", "--store", "URI"),
    "bundles rollback": run_command("bundles", "rollback", "--store", "URI"),
}


@dataclass(frozen=True)
class Outside:
    """A server that counts as remote.

    Attributes:
        server: notes each request.
        asked: exists once somebody asked for credentials.
        config: the AWS configuration file; its profile `team` runs a program that gives credentials.
        patch: to change the environment.
    """

    server: FlakyServer
    asked: Path
    config: Path
    patch: pytest.MonkeyPatch


@pytest.fixture
def outside(s3_endpoint: str, aws_environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Outside]:
    asked, config, program = tmp_path / "asked", tmp_path / "config", tmp_path / "credentials.sh"
    program.write_text(
        f"#!/bin/sh\ntouch {asked}\n"
        'echo \'{"Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test"}\'\n'
    )
    program.chmod(0o755)
    config.write_text(f"[profile team]\ncredential_process = {program}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        aws_environment.delenv(name)
    aws_environment.setenv("AWS_CONFIG_FILE", str(config))
    aws_environment.setattr(s3_access, "is_loopback", lambda url: False)
    with flaky_server(s3_endpoint) as server:
        yield Outside(server, asked, config, aws_environment)


@pytest.fixture
def bucket_in_london(s3_endpoint: str) -> str:
    """Give a bucket whose own region is outside; the same one to every test."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
    client = session.client("s3", endpoint_url=s3_endpoint, region_name="eu-west-2")
    place: Any = {"LocationConstraint": "eu-west-2"}
    if "abroad-paths" not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket="abroad-paths", CreateBucketConfiguration=place)
    return "s3://abroad-paths/x"


@pytest.mark.parametrize("name", OPENERS)
def test_a_region_that_is_asked_for_is_refused_before_any_call(
    outside: Outside, tmp_path: Path, name: str
) -> None:
    for region in ABROAD:
        options = S3Options(outside.server.endpoint_url, region, "team")
        with pytest.raises(RegionRefused):
            OPENERS[name]("s3://bucket/x", options, tmp_path / "cache")
    assert outside.server.seen == []
    assert not outside.asked.exists()


@pytest.mark.parametrize("step", ["upload", "ask"])
def test_the_steps_of_the_demonstration_refuse_a_region_too(
    outside: Outside, tmp_path: Path, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outside.patch.setenv("AWS_ENDPOINT_URL_S3", outside.server.endpoint_url)
    outside.patch.setenv("AWS_PROFILE", "team")
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    places = {
        "upload": [str(tmp_path), "s3://bucket/x"],
        "ask": ["s3://bucket/x", str(tmp_path / "photo.jpg")],
    }
    outside.patch.setattr("sys.argv", ["aws_steps", step, *places[step], "--region", "eu-west-2"])
    assert aws_steps.main() == 1
    assert "only regions inside the European Union are used" in capsys.readouterr().err
    assert outside.server.seen == []
    assert not outside.asked.exists()


def by_variable(outside: Outside, region: str) -> None:
    outside.patch.setenv("AWS_DEFAULT_REGION", region)


def by_profile(outside: Outside, region: str) -> None:
    with outside.config.open("a") as file:
        file.write(f"region = {region}\n")


def by_endpoint_variable(outside: Outside, region: str) -> None:
    outside.patch.setenv("AWS_ENDPOINT_URL_S3", f"https://s3.{region}.amazonaws.com")


@pytest.mark.parametrize("configure", [by_variable, by_profile, by_endpoint_variable])
@pytest.mark.parametrize("region", ABROAD)
@pytest.mark.parametrize("name", ["a store", "the API's store", "bundles list"])
def test_a_region_in_the_aws_configuration_is_refused_before_any_call(
    outside: Outside, tmp_path: Path, configure: Callable[[Outside, str], None], region: str, name: str
) -> None:
    configure(outside, region)
    endpoint = None if configure is by_endpoint_variable else outside.server.endpoint_url
    with pytest.raises(RegionRefused):
        OPENERS[name]("s3://bucket/x", S3Options(endpoint, None, "team"), tmp_path / "cache")
    assert outside.server.seen == []
    assert not outside.asked.exists()


@pytest.mark.parametrize("name", OPENERS)
def test_a_bucket_abroad_is_refused_at_the_first_answer_and_nothing_in_it_is_touched(
    outside: Outside, bucket_in_london: str, tmp_path: Path, name: str
) -> None:
    options = S3Options(outside.server.endpoint_url, "eu-west-3", "team")
    with pytest.raises(RegionRefused):
        OPENERS[name](bucket_in_london, options, tmp_path / "cache")
    assert outside.server.seen == [("HEAD", "/abroad-paths")]


def test_a_region_inside_is_asked_for_with_credentials(outside: Outside) -> None:
    """The same set-up lets through what may pass: the tests above are refused for their region alone."""
    options = S3Options(outside.server.endpoint_url, "eu-west-3", "team")
    with pytest.raises(LocationMissing, match="no-such-bucket"):
        open_store("s3://no-such-bucket/x", options)
    assert outside.asked.exists()
    assert outside.server.seen == [("HEAD", "/no-such-bucket")]


def test_without_any_region_the_default_one_is_used(outside: Outside) -> None:
    outside.patch.setattr(s3_access, "bucket_region", lambda client, bucket, guarded: client.meta.region_name)
    options = S3Options(outside.server.endpoint_url, profile="team")
    opened = open_location("s3://bucket/x", options)
    assert opened.objects.config["region"] == "eu-west-3"  # type: ignore[union-attr]


def test_the_region_asked_for_is_also_where_credentials_are_asked_for(outside: Outside) -> None:
    """A role is assumed at the STS of the session's region: a European one, whatever the profile says."""
    by_profile(outside, "us-east-1")
    session = s3_access._session(S3Options(profile="team", region="eu-north-1"))
    assert session.client("sts").meta.endpoint_url == "https://sts.eu-north-1.amazonaws.com"
    assert s3_access._session(S3Options()).region_name == "eu-west-3"
