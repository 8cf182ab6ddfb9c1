"""Real S3-compatible HTTP servers for tests, on free ports of the loopback interface.

moto is there on every machine; Ceph's gateway, which alone of the two proves atomicity, where apt fetches it.
"""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from models.locations import S3Options
from tests.debian_packages import PackagesMissing
from tests.flaky_server import FlakyServer, flaky_server
from tests.rgw import CREDENTIAL, running_rgw
from tests.rgw_packages import fetch_ceph

REGION = "eu-west-3"
CEPH_CACHE = Path(__file__).resolve().parents[1] / "build" / "ceph-rgw"
NO_CEPH = "needs Ceph RGW 16.2 from the packages of Debian 12 (apt-get, dpkg)"


@dataclass(frozen=True)
class S3Server:
    """A running server; `options` is what open_location and open_store want."""

    endpoint_url: str
    options: S3Options
    _client: Any
    _numbers: Iterator[int]
    has_regions: bool = True

    def client(self) -> Any:
        """Give a boto3 client for this server."""
        return self._client

    def new_bucket(self, prefix: str = "") -> str:
        """Make an empty bucket of its own for one test and give its s3:// address, with `prefix` below it."""
        name = f"fruits-{next(self._numbers)}"
        place = {"LocationConstraint": REGION} if self.has_regions else {}
        self._client.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
        return f"s3://{name}/{prefix}".rstrip("/")

    @contextlib.contextmanager
    def flaky(self) -> Iterator[tuple[FlakyServer, S3Options]]:
        """Put a server in front that spoils requests, and give it with the options that lead through it."""
        with flaky_server(self.endpoint_url) as flaky:
            yield flaky, replace(self.options, endpoint_url=flaky.endpoint_url)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Run one moto server for the whole session and give its address."""
    quiet = logging.getLogger("werkzeug")
    before = quiet.level
    quiet.setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    with contextlib.suppress(RuntimeError):
        server.stop()
    quiet.setLevel(before)


@pytest.fixture(scope="session")
def _s3_client(s3_endpoint: str) -> Any:
    return _new_client(s3_endpoint)


def _new_client(endpoint_url: str) -> Any:
    """Make a client to be used for a whole session: each costs 0.1 s."""
    session = boto3.Session(aws_access_key_id=CREDENTIAL, aws_secret_access_key=CREDENTIAL)
    return session.client("s3", endpoint_url=endpoint_url, region_name=REGION)


@pytest.fixture(scope="session")
def _bucket_numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def aws_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> pytest.MonkeyPatch:
    """Set credentials that only a test server accepts, and shut out the AWS configuration of this machine."""
    nowhere = tmp_path_factory.mktemp("aws")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CREDENTIAL)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CREDENTIAL)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return monkeypatch


@pytest.fixture
def s3_server(
    s3_endpoint: str, _s3_client: Any, _bucket_numbers: Iterator[int], aws_environment: pytest.MonkeyPatch
) -> S3Server:
    """Give the running S3 server, with credentials in the environment."""
    options = S3Options(endpoint_url=s3_endpoint, region=REGION)
    return S3Server(s3_endpoint, options, _s3_client, _bucket_numbers)


@pytest.fixture(scope="session")
def _rgw_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run one Ceph for the whole session and give a client for it."""
    try:
        ceph = fetch_ceph(CEPH_CACHE)
    except PackagesMissing:
        pytest.skip(NO_CEPH)
    with running_rgw(ceph, tmp_path_factory.mktemp("ceph")) as endpoint_url:
        yield _new_client(endpoint_url)


@pytest.fixture
def rgw_server(
    _rgw_client: Any, _bucket_numbers: Iterator[int], aws_environment: pytest.MonkeyPatch
) -> S3Server:
    """Give the running Ceph, with credentials in the environment."""
    options = S3Options(endpoint_url=_rgw_client.meta.endpoint_url, region=REGION)
    return S3Server(options.endpoint_url or "", options, _rgw_client, _bucket_numbers, has_regions=False)
