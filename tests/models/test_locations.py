"""Folders and S3 prefixes open through one interface, and only inside the European Union."""

import dataclasses
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import boto3
import obstore
import pytest

from models import s3_access
from models.errors import LocationInvalid, LocationMissing, RegionRefused, StoreUnavailable
from models.locations import Location, S3Options, local_folder, open_location, split_s3

ELSEWHERE = "http://192.0.2.1:9000"  # TEST-NET-1 (RFC 5737): never answers


@pytest.fixture(params=["folder", "file_uri", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    if request.param == "s3":
        server = request.getfixturevalue("s3_server")
        return open_location(server.new_bucket("some/prefix/"), server.options)
    folder = tmp_path / "été 1"
    return open_location(folder.as_uri() if request.param == "file_uri" else str(folder), create=True)


def test_what_is_written_is_listed_and_read_back(location: Location) -> None:
    obstore.put(location.objects, "apple/1 é.jpg", b"pixels")
    assert [entry["path"] for entry in obstore.list(location.objects).collect()] == ["apple/1 é.jpg"]
    assert bytes(obstore.get(location.objects, "apple/1 é.jpg").bytes()) == b"pixels"


def test_a_missing_object_is_the_same_error_everywhere(location: Location) -> None:
    with pytest.raises(FileNotFoundError):
        obstore.get(location.objects, "nothing.jpg")


def test_a_location_opens_again_from_its_own_words(s3_server: Any) -> None:
    first = open_location(s3_server.new_bucket("a/b/"), s3_server.options)
    obstore.put(first.objects, "x", b"1")
    uri, options = pickle.loads(pickle.dumps((first.uri, s3_server.options)))
    assert bytes(obstore.get(open_location(uri, options).objects, "x").bytes()) == b"1"


def test_s3_options_are_plain_strings() -> None:
    fields = dataclasses.asdict(S3Options("http://localhost:1", "eu-west-3", "team"))
    assert fields == {"endpoint_url": "http://localhost:1", "region": "eu-west-3", "profile": "team"}


def test_a_prefix_sees_only_what_lies_below_it(s3_server: Any) -> None:
    bucket = s3_server.new_bucket()
    obstore.put(open_location(bucket, s3_server.options).objects, "a/x", b"1")
    obstore.put(open_location(bucket, s3_server.options).objects, "ab/y", b"2")
    below = open_location(f"{bucket}/a", s3_server.options)
    assert [entry["path"] for entry in obstore.list(below.objects).collect()] == ["x"]


def test_a_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(LocationMissing, match="nowhere"):
        open_location(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for create in (False, True):
        with pytest.raises(LocationInvalid, match="is a file"):
            open_location(str(tmp_path / "file"), create=create)


@pytest.mark.parametrize(
    "uri",
    ["", "ftp://host/x", "hdfs:///x", "gs://bucket/x", "file://server/x", "s3://", "s3:///x", "s3:/b/x",
     "S3://bucket/x", "s3://Bucket/x", "s3://b", "s3://bucket/a/../b", "s3://bucket/a//b", "s3://bucket/./a"],
)  # fmt: skip
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(LocationInvalid, match=r"write|give"):
        open_location(uri)


def test_local_addresses_mean_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert local_folder("a b") == local_folder(f"file://{tmp_path}/a%20b") == tmp_path / "a b"


def test_slashes_at_the_ends_of_a_prefix_do_not_count() -> None:
    assert split_s3("s3://bucket") == split_s3("s3://bucket/") == ("bucket", "")
    assert split_s3("s3://bucket/a/b/") == ("bucket", "a/b")


def test_a_missing_bucket_is_said_to_be_missing(s3_server: Any) -> None:
    with pytest.raises(LocationMissing, match="no-such-bucket"):
        open_location("s3://no-such-bucket/x", s3_server.options)


def test_a_silent_endpoint_is_unavailable_and_named(aws_environment: Any) -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9"):
        open_location("s3://bucket/x", S3Options(endpoint_url="http://127.0.0.1:9"))


def test_a_malformed_endpoint_is_refused(aws_environment: Any) -> None:
    with pytest.raises(LocationInvalid, match="nonsense"):
        open_location("s3://bucket/x", S3Options(endpoint_url="nonsense"))


def test_absent_credentials_say_what_to_do(s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = s3_server.new_bucket()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreUnavailable, match="aws configure"):
        open_location(uri, s3_server.options)


def test_an_unknown_profile_is_named(s3_server: Any) -> None:
    with pytest.raises(StoreUnavailable, match="no-such-profile"):
        open_location(
            s3_server.new_bucket(), dataclasses.replace(s3_server.options, profile="no-such-profile")
        )


def test_a_profile_gives_credentials_and_endpoint(
    s3_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uri = s3_server.new_bucket()
    (tmp_path / "config").write_text(
        "[profile team]\naws_access_key_id = of-the-team\naws_secret_access_key = x\n"
        f"region = eu-north-1\nendpoint_url = {s3_server.endpoint_url}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    opened = open_location(uri, S3Options(profile="team"))
    obstore.put(opened.objects, "x", b"1")
    provider = opened.objects.credential_provider  # type: ignore[union-attr]
    assert provider()["access_key_id"] == "of-the-team"  # type: ignore[misc, index]


def test_the_standard_endpoint_variable_is_followed(s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = s3_server.new_bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint_url)
    obstore.put(open_location(uri).objects, "x", b"1")


def test_objects_go_to_the_endpoint_whose_region_was_checked(
    s3_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = s3_server.new_bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", ELSEWHERE)
    monkeypatch.setenv("AWS_ENDPOINT_URL", ELSEWHERE)
    obstore.put(open_location(uri, s3_server.options).objects, "x", b"1")


@pytest.mark.parametrize("region", ["eu-west-2", "eu-central-2", "us-east-1"])
def test_a_foreign_region_is_refused_before_any_call(aws_environment: Any, region: str) -> None:
    with pytest.raises(RegionRefused, match=region):
        open_location("s3://bucket/x", S3Options(endpoint_url=ELSEWHERE, region=region))


def test_a_foreign_region_of_the_aws_configuration_is_refused_before_any_call(
    aws_environment: pytest.MonkeyPatch,
) -> None:
    aws_environment.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with pytest.raises(RegionRefused, match="eu-west-2"):
        open_location("s3://bucket/x", S3Options(endpoint_url=ELSEWHERE))


def test_a_loopback_endpoint_is_exempt(s3_server: Any) -> None:
    abroad = S3Options(endpoint_url=s3_server.endpoint_url, region="eu-west-2")
    obstore.put(open_location(_foreign_bucket(s3_server, "exempt"), abroad).objects, "x", b"1")


def test_a_bucket_abroad_is_refused_though_the_region_asked_for_is_european(
    s3_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = _foreign_bucket(s3_server, "refused")
    monkeypatch.setattr(s3_access, "is_loopback", lambda url: False)
    with pytest.raises(RegionRefused, match="bucket abroad-refused is eu-west-2"):
        open_location(uri, s3_server.options)


def test_a_european_bucket_is_used_in_its_own_region(s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_access, "is_loopback", lambda url: False)
    opened = open_location(
        s3_server.new_bucket(), dataclasses.replace(s3_server.options, region="eu-north-1")
    )
    assert opened.objects.config["region"] == "eu-west-3"  # type: ignore[union-attr]


def _foreign_bucket(server: Any, name: str) -> str:
    london = boto3.Session().client("s3", endpoint_url=server.endpoint_url, region_name="eu-west-2")
    london.create_bucket(
        Bucket=f"abroad-{name}", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}
    )
    return f"s3://abroad-{name}"


class _Answer(BaseHTTPRequestHandler):
    """Answers every HEAD with one status; the bucket lies in London."""

    status: ClassVar[int]
    seen: ClassVar[list[str]]
    region: ClassVar[str | None] = "eu-west-2"

    def do_HEAD(self) -> None:
        self.seen.append(self.path)
        self.send_response(self.status)
        if self.region:
            self.send_header("x-amz-bucket-region", self.region)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def answering(aws_environment: Any) -> Iterator[tuple[type[_Answer], Any]]:
    handler = type("Handler", (_Answer,), {"seen": [], "status": 200})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield handler, boto3.Session().client("s3", endpoint_url=url, region_name="eu-west-3")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 301, 307, 400, 403])
def test_a_bucket_abroad_is_refused_at_the_first_answer(
    answering: tuple[type[_Answer], Any], status: int
) -> None:
    handler, client = answering
    handler.status = status
    with pytest.raises(RegionRefused, match="eu-west-2"):
        s3_access.bucket_region(client, "bucket")
    assert handler.seen == ["/bucket"]


def test_a_refused_bucket_says_so_and_what_to_check(answering: tuple[type[_Answer], Any]) -> None:
    handler, client = answering
    handler.status, handler.region = 403, None
    with pytest.raises(StoreUnavailable, match=r"403.*s3:ListBucket"):
        s3_access.bucket_region(client, "bucket")


def test_a_server_that_hides_the_region_is_refused(
    answering: tuple[type[_Answer], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, client = answering
    handler.status, handler.region = 200, None
    monkeypatch.setattr(s3_access, "is_loopback", lambda url: False)
    with pytest.raises(RegionRefused, match="not known"):
        open_location("s3://bucket", S3Options(endpoint_url=client.meta.endpoint_url))
