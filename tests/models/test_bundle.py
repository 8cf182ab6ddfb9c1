"""A sealed bundle proves that it is whole, or says which file is at fault."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from models.bundle import (
    FILES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SCHEMA_VERSION,
    Manifest,
    content_hash,
    read_manifest,
    seal,
    verify,
)
from models.errors import BundleCorrupt, BundleError, BundleSchemaUnsupported
from models.manifest import MAX_FILE_BYTES, time_after
from tests.sealed_bundle import NOW, description, write_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def rewrite(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads((bundle / MANIFEST).read_text())
    change(raw)
    (bundle / MANIFEST).write_text(json.dumps(raw))


def test_a_sealed_bundle_verifies_and_says_what_was_sealed(bundle: Path) -> None:
    manifest = verify(bundle)
    assert manifest.schema_version == SCHEMA_VERSION
    assert manifest.created_at == "2026-11-22T18:15:00Z"
    assert manifest.counts == {"apple": 3, "pear": 2}
    assert manifest.corpora == ("phone",)
    assert manifest.network["input_size"] == 96
    assert set(manifest.files) == set(FILES)
    assert manifest.files["index.faiss"].bytes == 2000


def test_a_manifest_reads_back_as_it_was_written(bundle: Path) -> None:
    manifest = verify(bundle)
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert (bundle / MANIFEST).read_text() == manifest.to_json()


def test_the_version_of_known_content_is_pinned(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(name.encode())
    # for f in the six names, sorted: printf '%s %s\n' $f $(printf $f | sha256sum); all of it | sha256sum
    assert seal(tmp_path, description(), now=NOW).version == "20261122T181500Z-148373"


def test_the_version_is_in_utc_wherever_the_build_ran(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    abroad = NOW.astimezone(timezone(timedelta(hours=9)))
    assert seal(tmp_path, description(), now=abroad).version == seal(tmp_path, description(), now=NOW).version


def test_a_time_without_zone_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    with pytest.raises(ValueError, match="zone"):
        seal(tmp_path, description(), now=NOW.replace(tzinfo=None))


def test_the_report_and_the_time_do_not_count_as_content(bundle: Path) -> None:
    before = verify(bundle)
    (bundle / "report.html").write_text("another report")
    after = seal(bundle, description(), now=NOW + timedelta(days=1))
    assert content_hash(after.files) == content_hash(before.files)
    assert after.version[:16] != before.version[:16]
    assert after.version[-6:] == before.version[-6:]


@pytest.mark.parametrize("name", [name for name in FILES if name != "report.html"])
def test_every_other_file_counts_as_content(bundle: Path, name: str) -> None:
    before = verify(bundle)
    (bundle / name).write_bytes(b"other")
    assert content_hash(seal(bundle, description(), now=NOW).files) != content_hash(before.files)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_refused_by_name(bundle: Path, name: str) -> None:
    data = bytearray((bundle / name).read_bytes())
    data[1000] ^= 1
    (bundle / name).write_bytes(data)
    with pytest.raises(BundleCorrupt, match=f"{name} was altered"):
        verify(bundle)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("length", [0, 1999])
def test_a_truncated_file_is_refused_by_name(bundle: Path, name: str, length: int) -> None:
    (bundle / name).write_bytes((bundle / name).read_bytes()[:length])
    with pytest.raises(BundleCorrupt, match=f"{name} has {length} bytes, 2000"):
        verify(bundle)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_refused_by_name(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleCorrupt, match=name):
        verify(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_lacks_a_file_is_not_sealed(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleCorrupt, match=name):
        seal(bundle, description(), now=NOW)


def test_a_file_that_nobody_sealed_does_no_harm(bundle: Path) -> None:
    (bundle / ".DS_Store").write_bytes(b"noise")
    verify(bundle)


@pytest.mark.parametrize("found", [0, 2, 99])
def test_another_schema_is_refused_and_both_are_named(bundle: Path, found: int) -> None:
    rewrite(bundle, lambda raw: raw.update(schema_version=found))
    with pytest.raises(BundleSchemaUnsupported, match=f"schema_version {found}, this program reads 1; build"):
        verify(bundle)


def test_another_schema_is_seen_before_the_fields_that_it_lacks() -> None:
    with pytest.raises(BundleSchemaUnsupported):
        Manifest.from_json('{"schema_version": 2}')


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 100_000, '{"schema_version": NaN}'])
def test_what_is_no_manifest_is_refused(bundle: Path, text: str) -> None:
    (bundle / MANIFEST).write_text(text)
    with pytest.raises(BundleCorrupt, match=r"manifest\.json"):
        verify(bundle)


def test_a_manifest_of_other_bytes_than_utf8_is_refused(bundle: Path) -> None:
    (bundle / MANIFEST).write_bytes(b"\xff\xfe{")
    with pytest.raises(BundleCorrupt, match=r"manifest\.json"):
        verify(bundle)


@pytest.mark.parametrize("field", list(Manifest.__dataclass_fields__))
def test_a_missing_field_is_named(bundle: Path, field: str) -> None:
    rewrite(bundle, lambda raw: raw.pop(field))
    with pytest.raises(BundleCorrupt, match=field):
        verify(bundle)


WRONG: list[tuple[str, Any]] = [
    ("schema_version", True),
    ("schema_version", "1"),
    ("version", 7),
    ("version", "../20261122T181500Z-3f9a1c"),
    ("version", "20261122T181500Z-3f9a1c/../../x"),
    ("version", "20261122T181500Z-000000"),
    ("created_at", "yesterday"),
    ("created_at", "2026-11-22T18:15:00"),
    ("network", []),
    ("network", {"name": "x", "sha256": "y", "input_size": 0, "feature_tensor": None, "preprocessing": ""}),
    ("network", {"name": "x", "sha256": "y", "input_size": 96, "feature_tensor": 3, "preprocessing": ""}),
    ("network", {"name": "x", "sha256": "y", "input_size": 96, "feature_tensor": None}),
    ("d_cnn", 0),
    ("d_cnn", 1280.0),
    ("d_pca", True),
    ("d_pca", 1281),
    ("explained_variance", "0.9"),
    ("explained_variance", -0.1),
    ("explained_variance", 1.1),
    ("counts", {"apple": -1}),
    ("counts", {"apple": "3"}),
    ("counts", ["apple"]),
    ("corpora", "phone"),
    ("corpora", [1]),
    ("calibration", None),
    ("thresholds", 0.5),
    ("metrics", []),
    ("index", "flat"),
    ("warnings", None),
    ("files", []),
    ("files", {}),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=repr)
def test_a_wrong_value_is_refused_and_its_field_named(bundle: Path, field: str, value: Any) -> None:
    rewrite(bundle, lambda raw: raw.update({field: value}))
    with pytest.raises(BundleCorrupt, match=field):
        verify(bundle)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/b", "..", ".", "", ".hidden", "a\\b", "x\n", "x\0", MANIFEST, "é"],
    ids=repr,
)
def test_a_file_name_that_leaves_the_folder_is_refused(bundle: Path, name: str) -> None:
    entry = {"bytes": 0, "sha256": "0" * 64}
    rewrite(bundle, lambda raw: raw["files"].update({name: entry}))
    with pytest.raises(BundleCorrupt, match="not a plain file name"):
        verify(bundle)


@pytest.mark.parametrize(
    "entry",
    [None, 3, {"bytes": 2000}, {"bytes": -1, "sha256": "0" * 64}, {"bytes": 2000, "sha256": "ABC"}],
    ids=repr,
)
def test_a_malformed_file_entry_is_refused_by_name(bundle: Path, entry: object) -> None:
    rewrite(bundle, lambda raw: raw["files"].update({"index.faiss": entry}))
    with pytest.raises(BundleCorrupt, match=r"index\.faiss"):
        verify(bundle)


def test_files_of_another_build_do_not_pass_with_their_hashes_written_into_this_manifest(
    bundle: Path, tmp_path: Path
) -> None:
    other = write_bundle(tmp_path / "other", seed=1)
    entry = other.files["index.faiss"]
    (bundle / "index.faiss").write_bytes((tmp_path / "other" / "index.faiss").read_bytes())
    rewrite(
        bundle,
        lambda raw: raw["files"].update({"index.faiss": {"bytes": entry.bytes, "sha256": entry.sha256}}),
    )
    with pytest.raises(BundleCorrupt, match="version"):
        verify(bundle)


def test_an_unknown_field_is_ignored(bundle: Path) -> None:
    rewrite(bundle, lambda raw: raw.update(colour="green"))
    verify(bundle)


@pytest.mark.parametrize(
    "changes",
    [{"explained_variance": float("nan")}, {"metrics": {"top1": float("inf")}}, {"index": {"kind": Path()}}],
    ids=repr,
)
def test_a_description_that_json_cannot_hold_is_not_sealed(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(BundleCorrupt, match="JSON"):
        write_bundle(tmp_path, **changes)
    assert not (tmp_path / MANIFEST).exists()


def test_a_description_cannot_choose_its_version(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt, match="version"):
        write_bundle(tmp_path, version="20261122T181500Z-3f9a1c")


def test_an_incomplete_description_is_not_sealed(bundle: Path) -> None:
    with pytest.raises(BundleCorrupt, match="lacks d_cnn"):
        seal(
            bundle,
            {key: value for key, value in description().items() if key != "d_cnn"},
            now=datetime.now(UTC),
        )


def test_every_refusal_is_a_bundle_error() -> None:
    assert issubclass(BundleCorrupt, BundleError)
    assert issubclass(BundleSchemaUnsupported, BundleError)


def test_no_bit_of_a_manifest_can_be_spoilt_unnoticed(bundle: Path) -> None:
    """Only the name of the checksum can: older programs wrote none."""
    text = (bundle / MANIFEST).read_bytes()
    name = text.index(b'"checksum"')
    for place in [*range(name), *range(name + len(b'"checksum"'), len(text))]:
        spoilt = bytearray(text)
        spoilt[place] ^= 1 << place % 8
        (bundle / MANIFEST).write_bytes(spoilt)
        with pytest.raises(BundleError, match=r"manifest\.json"):
            read_manifest(bundle)


def test_a_manifest_of_an_older_program_has_no_checksum(bundle: Path) -> None:
    rewrite(bundle, lambda raw: raw.pop("checksum"))
    verify(bundle)


def test_a_manifest_that_is_far_too_long_is_not_read(bundle: Path) -> None:
    (bundle / MANIFEST).write_text(" " * MAX_MANIFEST_BYTES + (bundle / MANIFEST).read_text())
    with pytest.raises(BundleCorrupt, match=rf"manifest\.json has \d+ bytes, at most {MAX_MANIFEST_BYTES}"):
        verify(bundle)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_said_to_be_vast_is_refused_before_anything_is_fetched(
    bundle: Path, name: str
) -> None:
    rewrite(bundle, lambda raw: raw["files"][name].update(bytes=10**15))
    with pytest.raises(BundleCorrupt, match=rf"files\.{name}\.bytes must be {MAX_FILE_BYTES[name]} at most"):
        read_manifest(bundle)


@pytest.mark.parametrize(
    ("clock", "time"),
    [
        (datetime(2026, 11, 23, 8, 0, 0, 5, tzinfo=UTC), "2026-11-23T08:00:00"),
        (datetime(2026, 11, 23, 9, tzinfo=timezone(timedelta(hours=1))), "2026-11-23T08:00:00"),
        (NOW, "2026-11-22T18:15:01"),
        (datetime(1970, 1, 1, tzinfo=UTC), "2026-11-22T18:15:01"),
    ],
    ids=["later", "another zone", "the same second", "back"],
)
def test_a_version_is_dated_after_the_one_before_whatever_the_clock_says(clock: datetime, time: str) -> None:
    assert time_after("20261122T181500Z-3f9a1c", clock).isoformat() == f"{time}+00:00"
    assert time_after("20269922T181500Z-3f9a1c", clock) == clock.replace(microsecond=0)
