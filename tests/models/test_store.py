"""A store never has half a bundle current: the same tests on a folder and over HTTP on two S3 servers."""

import json
from pathlib import Path
from typing import Any

import obstore
import pytest

from models import s3_access
from models.bundle import FILES, MANIFEST, verify
from models.errors import (
    BundleCorrupt,
    BundleSchemaUnsupported,
    LocationInvalid,
    LocationMissing,
    PublishConflict,
    RegionRefused,
    StoreError,
    VersionMissing,
)
from models.locations import S3Options
from models.store import POINTER, Pointer, open_store
from tests.sealed_bundle import write_bundle
from tests.stores import Place, version_of


@pytest.fixture(params=["folder", "s3_server", "rgw_server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param != "folder":
        server = request.getfixturevalue(request.param)
        uri, options = server.new_bucket("team/bundles"), server.options
    else:
        uri, options = str(tmp_path / "store"), S3Options()
    return Place(uri, options, open_store(uri, options))


def test_an_empty_store_has_no_current_bundle(place: Place) -> None:
    assert place.store.current() is None
    assert place.store.versions() == []


def test_a_published_bundle_is_current_and_fetched_whole(
    place: Place, built: list[Path], tmp_path: Path
) -> None:
    pointer = place.store.publish(built[0], None)
    assert place.store.current() == pointer
    assert pointer.version == version_of(built[0])
    fetched = place.store.fetch(pointer.version, tmp_path / "cache")
    for name in (*FILES, MANIFEST):
        assert (fetched / name).read_bytes() == (built[0] / name).read_bytes()


def test_what_is_known_of_the_pointer_is_given_again_until_it_moves(place: Place, built: list[Path]) -> None:
    assert place.store.current(None) is None
    first = place.store.publish(built[0], None)
    read = place.store.current(Pointer(first.version, '"another-etag"'))
    assert read == first
    assert place.store.current(read) is read
    second = place.store.publish(built[1], first)
    assert place.store.current(read) == second
    assert place.store.current(place.store.promote(first.version, second)) != first  # a pointer of its own
    obstore.delete(place.objects, POINTER)
    assert place.store.current(second) is None


def test_a_store_holds_the_pointer_and_whole_bundles_and_nothing_else(
    place: Place, built: list[Path]
) -> None:
    pointer = place.store.publish(built[0], None)
    expected = {f"{pointer.version}/{name}" for name in (*FILES, MANIFEST)}
    assert place.names() == expected | {"current.json"}


def test_only_sealed_files_are_published(place: Place, built: list[Path]) -> None:
    (built[0] / ".DS_Store").write_bytes(b"noise")
    place.store.publish(built[0], None)
    assert not any(name.endswith(".DS_Store") for name in place.names())


def test_the_pointer_names_the_version_and_the_time(place: Place, built: list[Path]) -> None:
    place.store.publish(built[0], None)
    raw = json.loads(bytes(obstore.get(place.objects, "current.json").bytes()))
    assert raw["version"] == version_of(built[0])
    assert raw["published_at"].endswith("+00:00")


def test_another_process_that_opens_the_store_sees_the_same(place: Place, built: list[Path]) -> None:
    place.store.publish(built[0], None)
    assert open_store(place.uri, place.options).current() == place.store.current()


def test_versions_are_listed_oldest_first(place: Place, built: list[Path]) -> None:
    pointer = None
    for folder in reversed(built):
        pointer = place.store.publish(folder, pointer)
    assert place.store.versions() == [version_of(folder) for folder in built]


def test_an_older_bundle_is_promoted_and_the_newer_one_stays(place: Place, built: list[Path]) -> None:
    first = place.store.publish(built[0], None)
    second = place.store.publish(built[1], first)
    back = place.store.promote(first.version, second)
    assert place.store.current() == back
    assert back.version == first.version
    assert back.etag != first.etag
    assert place.store.versions() == [first.version, second.version]


def test_the_first_publication_is_refused_where_something_is_current(place: Place, built: list[Path]) -> None:
    first = place.store.publish(built[0], None)
    with pytest.raises(PublishConflict, match=first.version):
        place.store.publish(built[1], None)
    assert place.store.current() == first


def test_a_stale_publisher_is_told_and_changes_nothing(place: Place, built: list[Path]) -> None:
    first = place.store.publish(built[0], None)
    second = place.store.publish(built[1], first)
    for attempt in (
        lambda: place.store.publish(built[2], first),
        lambda: place.store.promote(first.version, first),
        lambda: place.store.promote(first.version, None),
    ):
        with pytest.raises(PublishConflict, match=second.version):
            attempt()
    assert place.store.current() == second


def test_the_pointers_own_condition_decides_when_somebody_is_faster(place: Place, built: list[Path]) -> None:
    """The bundle is in the store and the pointer looked right; then another publisher moves it."""
    first = place.store.publish(built[0], None)
    place.store._add(built[1], verify(built[1]))
    second = place.store.publish(built[2], first)
    with pytest.raises(PublishConflict, match=second.version):
        place.store._point(version_of(built[1]), first)
    assert place.store.current() == second


def test_a_publisher_whose_pointer_vanished_is_told(place: Place, built: list[Path]) -> None:
    first = place.store.publish(built[0], None)
    obstore.delete(place.objects, "current.json")
    with pytest.raises(PublishConflict, match="is gone"):
        place.store._point(first.version, first)
    assert place.store.current() is None


def test_the_same_bundle_is_published_twice_without_harm(place: Place, built: list[Path]) -> None:
    first = place.store.publish(built[0], None)
    again = place.store.publish(built[0], first)
    assert again.version == first.version
    assert place.store.versions() == [first.version]


def test_a_version_is_never_overwritten_with_other_content(place: Place, built: list[Path]) -> None:
    first = place.store.publish(built[0], None)
    write_bundle(built[0], metrics={"top1": 0.1})
    assert version_of(built[0]) == first.version
    with pytest.raises(StoreError, match="other content"):
        place.store.publish(built[0], first)
    assert place.store.current() == first


def test_a_folder_that_is_not_whole_is_not_published(place: Place, built: list[Path]) -> None:
    (built[0] / "index.faiss").write_bytes(b"altered")
    with pytest.raises(BundleCorrupt, match=r"index\.faiss"):
        place.store.publish(built[0], None)
    assert place.names() == set()


def test_a_version_that_is_not_there_is_said_to_be_missing(
    place: Place, built: list[Path], tmp_path: Path
) -> None:
    place.store.publish(built[0], None)
    absent = version_of(built[1])
    with pytest.raises(VersionMissing, match=absent):
        place.store.fetch(absent, tmp_path / "cache")
    with pytest.raises(VersionMissing, match=absent):
        place.store.promote(absent, place.store.current())


@pytest.mark.parametrize(
    "version",
    ["", ".", "..", "../x", "/etc", "20261122T181500Z-3f9a1c/..", "20261122T181500Z-3f9a1c\n"],
    ids=repr,
)
def test_a_version_that_leaves_the_store_is_refused(place: Place, version: str, tmp_path: Path) -> None:
    with pytest.raises(VersionMissing, match="is not a version"):
        place.store.fetch(version, tmp_path / "cache")
    with pytest.raises(VersionMissing, match="is not a version"):
        place.store.promote(version, None)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"{}", b'{"version": 3}', b'{"version": "../x"}', b"\xff", b"[" * 100_000],
    ids=lambda content: repr(content[:20]),
)
def test_a_corrupt_pointer_says_what_to_do(place: Place, built: list[Path], content: bytes) -> None:
    obstore.put(place.objects, "current.json", content)
    with pytest.raises(BundleCorrupt, match=r"current\.json.*bundles promote"):
        place.store.current()
    with pytest.raises(BundleCorrupt):
        place.store.publish(built[0], None)


@pytest.mark.parametrize("name", ["network.tflite", "report.html"])
def test_an_altered_bundle_is_never_handed_out(
    place: Place, built: list[Path], tmp_path: Path, name: str
) -> None:
    pointer = place.store.publish(built[0], None)
    path = f"{pointer.version}/{name}"
    data = bytearray(bytes(obstore.get(place.objects, path).bytes()))
    data[7] ^= 1
    obstore.put(place.objects, path, bytes(data))
    with pytest.raises(BundleCorrupt, match=name):
        place.store.fetch(pointer.version, tmp_path / "cache")
    assert not (tmp_path / "cache" / pointer.version).exists()


@pytest.mark.parametrize("name", ["network.tflite", "rows.parquet"])
def test_a_bundle_that_lacks_a_file_is_neither_handed_out_nor_promoted(
    place: Place, built: list[Path], tmp_path: Path, name: str
) -> None:
    pointer = place.store.publish(built[0], None)
    obstore.delete(place.objects, f"{pointer.version}/{name}")
    with pytest.raises(BundleCorrupt, match=name):
        place.store.fetch(pointer.version, tmp_path / "cache")
    with pytest.raises(BundleCorrupt, match=name):
        place.store.promote(pointer.version, pointer)
    assert place.store.current() == pointer


def test_a_bundle_of_another_schema_is_refused(place: Place, built: list[Path], tmp_path: Path) -> None:
    pointer = place.store.publish(built[0], None)
    raw = json.loads((built[0] / MANIFEST).read_text())
    obstore.put(
        place.objects, f"{pointer.version}/{MANIFEST}", json.dumps(raw | {"schema_version": 2}).encode()
    )
    with pytest.raises(BundleSchemaUnsupported, match="2"):
        place.store.fetch(pointer.version, tmp_path / "cache")


def test_the_manifest_of_another_bundle_is_refused(place: Place, built: list[Path], tmp_path: Path) -> None:
    first = place.store.publish(built[0], None)
    for name in (*FILES, MANIFEST):
        obstore.put(place.objects, f"{first.version}/{name}", (built[1] / name).read_bytes())
    with pytest.raises(BundleCorrupt, match=first.version):
        place.store.fetch(first.version, tmp_path / "cache")


def test_a_manifest_that_names_a_file_outside_writes_nothing_there(
    place: Place, built: list[Path], tmp_path: Path
) -> None:
    pointer = place.store.publish(built[0], None)
    raw = json.loads((built[0] / MANIFEST).read_text())
    raw["files"]["../../escaped"] = raw["files"]["index.faiss"]
    obstore.put(place.objects, f"{pointer.version}/{MANIFEST}", json.dumps(raw).encode())
    with pytest.raises(BundleCorrupt, match="not a plain file name"):
        place.store.fetch(pointer.version, tmp_path / "deep" / "cache")
    assert not list(tmp_path.rglob("escaped"))


def test_a_folder_without_manifest_is_no_version(place: Place, built: list[Path]) -> None:
    pointer = place.store.publish(built[0], None)
    obstore.put(place.objects, "20261122T181500Z-aaaaaa/network.tflite", b"half")
    obstore.put(place.objects, "notes/manifest.json", b"{}")
    assert place.store.versions() == [pointer.version]


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(LocationInvalid):
        open_store("gs://bucket/x")


def test_a_store_in_a_missing_bucket_is_refused(s3_server: Any) -> None:
    with pytest.raises(LocationMissing, match="no-such-bucket"):
        open_store("s3://no-such-bucket/bundles", s3_server.options)


@pytest.mark.parametrize("region", ["eu-west-2", "eu-central-2"])
def test_a_store_in_london_or_zurich_is_refused(
    s3_server: Any, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setattr(s3_access, "is_loopback", lambda url: False)
    abroad = S3Options(endpoint_url=s3_server.endpoint_url, region=region)
    with pytest.raises(RegionRefused, match=region):
        open_store(s3_server.new_bucket(), abroad)
