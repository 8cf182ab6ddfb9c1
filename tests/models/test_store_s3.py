"""What is particular to a store on S3: downloads that are kept, uploads that broke off."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
import pytest

from models.bucket_objects import BucketObjects
from models.bundle import MANIFEST, verify
from models.errors import BundleCorrupt, LocationMissing, StoreError, StoreFull, StoreUnavailable
from models.locations import Location
from models.store import Pointer, open_store
from tests.sealed_bundle import write_bundle
from tests.stores import Place, leftovers, python, version_of, write_uneven_bundle


@dataclass(frozen=True)
class Remote:
    """A store on S3 with one bundle in it."""

    place: Place
    pointer: Pointer
    cache: Path

    def fetch(self) -> Path:
        """Fetch the bundle into the cache."""
        return self.place.store.fetch(self.pointer.version, self.cache)

    def empty(self) -> None:
        """Take the bundle's files out of the store."""
        listed = obstore.list(self.place.objects, self.pointer.version).collect()
        obstore.delete(self.place.objects, [entry["path"] for entry in listed])


@pytest.fixture
def remote(s3_server: Any, built: list[Path], tmp_path: Path) -> Remote:
    uri = s3_server.new_bucket("b")
    store = open_store(uri, s3_server.options)
    return Remote(
        Place(uri, s3_server.options, store), store.publish(built[0], None), tmp_path / "deep" / "cache"
    )


def test_a_bundle_is_downloaded_once(remote: Remote) -> None:
    first = remote.fetch()
    remote.empty()
    assert remote.fetch() == first == remote.cache / remote.pointer.version
    assert leftovers(remote.cache) == []


def test_a_damaged_copy_in_the_cache_is_downloaded_again(remote: Remote) -> None:
    (remote.fetch() / "index.faiss").write_bytes(b"damaged")
    verify(remote.fetch())
    assert leftovers(remote.cache) == []


def test_a_failed_download_leaves_nothing_behind(remote: Remote) -> None:
    obstore.delete(remote.place.objects, f"{remote.pointer.version}/rows.parquet")
    with pytest.raises(BundleCorrupt, match=r"rows\.parquet"):
        remote.fetch()
    assert list(remote.cache.iterdir()) == []


def test_many_workers_fetch_the_same_bundle_at_once(remote: Remote) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: remote.fetch(), range(8)))
    assert set(folders) == {remote.cache / remote.pointer.version}
    verify(folders[0])
    assert [entry.name for entry in remote.cache.iterdir()] == [remote.pointer.version]


def test_leftovers_of_killed_programs_are_removed_once_they_are_old(remote: Remote) -> None:
    old, young = remote.cache / ".x.partial-1-aa", remote.cache / ".y.partial-2-bb"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    remote.fetch()
    assert leftovers(remote.cache) == [young.name]


def test_a_version_that_somebody_uploads_is_not_mixed_with_another(
    remote: Remote, built: list[Path], tmp_path: Path
) -> None:
    """The other publisher came first and has not come to an end: its claim lies there, no manifest yet."""
    version = version_of(built[1])
    theirs = (built[1] / MANIFEST).read_bytes()
    obstore.put(remote.place.objects, f"{version}/{MANIFEST}.claim", theirs)
    obstore.put(remote.place.objects, f"{version}/report.html", (built[1] / "report.html").read_bytes())
    write_bundle(tmp_path / "other", 1, metrics={"top1": 0.1})
    assert version_of(tmp_path / "other") == version
    with pytest.raises(StoreError, match="build again for a new version"):
        remote.place.store.publish(tmp_path / "other", remote.pointer)
    assert remote.place.store.publish(built[1], remote.pointer).version == version


def test_a_version_from_before_there_were_claims_is_published_again(
    remote: Remote, built: list[Path]
) -> None:
    obstore.delete(remote.place.objects, f"{remote.pointer.version}/{MANIFEST}.claim")
    again = remote.place.store.publish(built[0], remote.pointer)
    assert again.version == remote.pointer.version


def test_an_upload_that_broke_off_is_completed_by_the_next_attempt(
    remote: Remote, built: list[Path], tmp_path: Path
) -> None:
    obstore.put(remote.place.objects, f"{version_of(built[1])}/network.tflite", b"half")
    pointer = remote.place.store.publish(built[1], remote.pointer)
    verify(remote.place.store.fetch(pointer.version, tmp_path / "cache"))


def test_a_large_file_travels_in_parts(s3_server: Any, tmp_path: Path) -> None:
    write_uneven_bundle(tmp_path / "large", 1, 17_000_000)
    with s3_server.flaky() as (flaky, through):
        store = open_store(s3_server.new_bucket(), through)
        pointer = store.publish(tmp_path / "large", None)
        assert [flaky.asked("PUT", f"index.faiss.partNumber={part}&") for part in (1, 2, 3, 4)] == [
            1,
            1,
            1,
            0,
        ]
        assert flaky.asked("PUT", "network.tflite.partNumber") == 0
        verify(store.fetch(pointer.version, tmp_path / "cache"))


def test_a_server_that_went_away_is_unavailable(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = BucketObjects(Location(remote.place.uri, _nobody_home()))
    monkeypatch.setattr(remote.place.store, "_objects", nowhere)
    for attempt in (
        remote.place.store.current,
        remote.place.store.versions,
        remote.fetch,
        lambda: remote.place.store.promote(remote.pointer.version, None),
    ):
        with pytest.raises(StoreUnavailable, match="failed"):
            attempt()


def test_a_bucket_that_was_deleted_is_said_to_be_gone(s3_server: Any, built: list[Path]) -> None:
    bucket = s3_server.new_bucket()
    store = open_store(bucket, s3_server.options)
    s3_server.client().delete_bucket(Bucket=bucket.removeprefix("s3://"))
    with pytest.raises(LocationMissing, match="gone"):
        store.publish(built[0], None)


def _nobody_home() -> Any:
    return obstore.store.S3Store(
        "bucket",
        aws_endpoint_url_s3="http://127.0.0.1:9",
        region="eu-west-3",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


CRAMPED_CACHE = """
import resource, sys
from pathlib import Path
from models.errors import StoreFull
from models.locations import S3Options
from models.store import open_store
store = open_store(sys.argv[1], S3Options(endpoint_url=sys.argv[2]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    store.fetch(store.current().version, Path(sys.argv[3]))
except StoreFull as error:
    print(error)
"""


def test_a_download_that_meets_a_limit_leaves_nothing_behind(remote: Remote) -> None:
    arguments = (remote.place.uri, str(remote.place.options.endpoint_url), str(remote.cache))
    with python(CRAMPED_CACHE, *arguments) as reader:
        said, _ = reader.communicate()
    assert "no room left" in said
    assert list(remote.cache.iterdir()) == []


def test_a_full_cache_is_said_to_be_full(s3_server: Any, small_disk: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "large", file_bytes=20_000)
    store = open_store(s3_server.new_bucket(), s3_server.options)
    pointer = store.publish(tmp_path / "large", None)
    with pytest.raises(StoreFull, match="no room left"):
        store.fetch(pointer.version, small_disk / "cache")
    assert list((small_disk / "cache").iterdir()) == []
