"""Shards are written once and whole, found again, and not trusted when they are broken."""

import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import obstore
import pyarrow as pa
import pytest
from obstore.exceptions import GenericError
from pyspark.sql import SparkSession

from batch import feature_frame
from batch.corpus import CorpusPhoto
from batch.feature_store import FeatureSpace, FeatureStore, photo_key
from models.errors import StoreFull, StoreUnavailable
from models.records import Label
from tests.batch.conftest import spoil_a_vector
from tests.s3_server import S3Server

WIDTH = 6


@pytest.fixture
def space(tmp_path: Path) -> FeatureSpace:
    return FeatureStore(str(tmp_path / "features")).space("ab" * 32)


def shard(keys: list[str], errors: dict[str, str] | None = None) -> pa.Table:
    """Lay out a shard with a vector that follows from the key."""
    vectors = np.stack([vector(key) for key in keys])
    codes = [(errors or {}).get(key) for key in keys]
    mask = pa.array([code is not None for code in codes])
    embedding = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), WIDTH, mask=mask)
    looks = pa.array(
        [None if code else look(key) for key, code in zip(keys, codes, strict=True)], pa.binary(16)
    )
    columns = [
        pa.array(keys),
        pa.array(["corpus"] * len(keys)),
        pa.array(codes, pa.string()),
        looks,
        embedding,
    ]
    return pa.table(columns, ["key", "corpus", "error", "signature", "embedding"])


def look(key: str) -> bytes:
    return key[:16].encode().ljust(16)


def vector(key: str) -> np.ndarray:
    return np.random.default_rng(list(key.encode())).normal(size=WIDTH).astype(np.float32)


def break_in(path: Path, place: int) -> None:
    """Turn one byte of a file over."""
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)


def test_a_key_follows_every_change_of_a_photo() -> None:
    photo = CorpusPhoto("apple/1.jpg", "/corpus", 10, "77", Label("apple"))
    others = [
        replace(photo, path="apple/2.jpg"),
        replace(photo, corpus="/other"),
        replace(photo, size=11),
        replace(photo, stamp="78"),
    ]
    assert len({photo_key(photo), *map(photo_key, others)}) == 5
    assert photo_key(replace(photo, label=Label("pear"))) == photo_key(photo)
    assert photo_key(photo) == "ad5b2e90e54d38de185c2e9beb384bb4"


def test_each_network_and_tensor_has_a_space_of_its_own() -> None:
    store = FeatureStore("/features/")
    spaces = {store.space("a" * 64).uri, store.space("b" * 64).uri, store.space("a" * 64, "pool").uri}
    assert len(spaces) == 3
    assert all(
        uri.startswith(("/features/aaaaaaaaaaaaaaaa-", "/features/bbbbbbbbbbbbbbbb-")) for uri in spaces
    )


def test_an_index_tells_where_each_key_lies_and_once_only(space: FeatureSpace) -> None:
    assert space.index().num_rows == 0
    assert space.write("2.parquet", shard(["b", "d"]))
    assert space.write("1.parquet", shard(["a", "b", "c"], {"c": "undecodable"}))
    assert space.index().to_pylist() == [
        {"key": "a", "signature": look("a"), "shard": "1.parquet", "row": 0, "error": None},
        {"key": "b", "signature": look("b"), "shard": "1.parquet", "row": 1, "error": None},
        {"key": "c", "signature": None, "shard": "1.parquet", "row": 2, "error": "undecodable"},
        {"key": "d", "signature": look("d"), "shard": "2.parquet", "row": 1, "error": None},
    ]


def test_a_shard_is_written_once(space: FeatureSpace) -> None:
    assert space.write("1.parquet", shard(["a"]))
    before = (Path(space.uri) / "1.parquet").read_bytes()
    assert not space.write("1.parquet", shard(["z"]))
    assert (Path(space.uri) / "1.parquet").read_bytes() == before


def test_a_broken_shard_is_written_over(space: FeatureSpace) -> None:
    space.write("1.parquet", shard(["a"]))
    (Path(space.uri) / "1.parquet").write_bytes(b"PAR1 cut short")
    assert space.write("1.parquet", shard(["a"]))
    assert space.is_whole("1.parquet")


def test_a_shard_is_whole_under_its_own_name_and_network_alone(space: FeatureSpace, tmp_path: Path) -> None:
    other = FeatureStore(str(tmp_path / "features")).space("cd" * 32)
    space.write("1.parquet", shard(["a", "b"]))
    other.write("other.parquet", shard(["z"]))
    shutil.copyfile(Path(space.uri) / "1.parquet", Path(space.uri) / "2.parquet")
    shutil.copyfile(Path(space.uri) / "1.parquet", Path(other.uri) / "1.parquet")
    assert space.is_whole("1.parquet")
    assert not space.is_whole("2.parquet")
    assert not other.is_whole("1.parquet")


def test_a_store_may_be_moved_as_a_whole(space: FeatureSpace, tmp_path: Path) -> None:
    space.write("1.parquet", shard(["a", "b"]))
    shutil.copytree(tmp_path / "features", tmp_path / "moved")
    assert FeatureStore(str(tmp_path / "moved")).space("ab" * 32).is_whole("1.parquet")


def test_missing_photos_are_those_without_a_row(space: FeatureSpace) -> None:
    photos = [CorpusPhoto(f"apple/{n}.jpg", "/corpus", 10, "77", Label("apple")) for n in range(5)]
    keys = sorted(photo_key(photo) for photo in photos)
    space.write("1.parquet", shard(keys[1:3]))
    assert [photo_key(photo) for photo in space.missing([*photos, *photos])] == [keys[0], *keys[3:]]


@pytest.mark.parametrize("damage", ["truncated", "keys", "empty"])
def test_a_shard_whose_keys_cannot_be_read_is_taken_away_with_a_warning(
    space: FeatureSpace, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    space.write("1.parquet", shard(["a", "b"]))
    space.write("2.parquet", shard(["c"]))
    path = Path(space.uri) / "1.parquet"
    if damage == "keys":
        break_in(path, path.read_bytes().index(b"\x01\x00\x00\x00a\x01\x00\x00\x00b") + 4)
    else:
        path.write_bytes(path.read_bytes()[: -40 if damage == "truncated" else 0])
    with caplog.at_level(logging.WARNING):
        assert space.index().column("key").to_pylist() == ["c"]
    assert "1.parquet is broken" in caplog.text
    assert space.shards() == ["2.parquet"]


def test_no_byte_can_be_spoilt_unnoticed_where_it_matters(space: FeatureSpace) -> None:
    space.write("1.parquet", shard(["a", "b", "c"], {"b": "too_small"}))
    path = Path(space.uri) / "1.parquet"
    whole, written = path.read_bytes(), space.read("1.parquet").drop(["corpus"])
    assert space.is_whole("1.parquet")
    for place in range(0, len(whole), 2):
        path.write_bytes(whole)
        break_in(path, place)
        assert not space.is_whole("1.parquet") or space.read("1.parquet").drop(["corpus"]) == written, place


def test_a_vector_that_changed_on_disk_is_noticed(spark: SparkSession, space: FeatureSpace) -> None:
    for name in ("1", "2", "3"):
        space.write(f"{name}.parquet", shard([f"{name}{number}" for number in range(50)]))
    spoil_a_vector(Path(space.uri) / "2.parquet")
    assert feature_frame.broken_shards(spark, space, space.shards()) == ["2.parquet"]
    assert feature_frame.broken_shards(spark, space, []) == []


def test_vectors_come_back_exactly_and_in_the_order_of_their_keys(
    spark: SparkSession, space: FeatureSpace
) -> None:
    keys = [f"{number:03}" for number in range(90)]
    space.write("1.parquet", shard(keys[0::3], {"006": "too_small"}))
    space.write("2.parquet", shard(keys[1::3]))
    space.write("3.parquet", shard(keys[2::3]))
    live = space.index().filter(pa.array([key not in ("006", "010") for key in keys]))
    rows = feature_frame.embeddings(spark, space, live).collect()
    assert [row.key for row in rows] == [key for key in keys if key not in ("006", "010")]
    assert all(np.array_equal(np.array(row.embedding, np.float32), vector(row.key)) for row in rows)


def test_nothing_live_gives_an_empty_frame(spark: SparkSession, space: FeatureSpace) -> None:
    frame = feature_frame.embeddings(spark, space, space.index())
    assert frame.columns == ["chunk", "key", "embedding"]
    assert frame.collect() == []


def test_chunks_follow_from_the_keys_whatever_the_shards_and_partitions(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_frame, "CHUNK_ROWS", 32)
    monkeypatch.setattr(feature_frame, "_PART_ROWS", 10)
    keys = [f"{number:03}" for number in range(100)]
    found = []
    for step, partitions in ((1, 1), (4, 2), (7, 5), (7, None)):
        space = FeatureStore(str(tmp_path / f"{step}")).space("c" * 64)
        for first in range(step):
            space.write(f"{first}.parquet", shard(keys[first::step]))
        frame = feature_frame.embeddings(spark, space, space.index(), partitions=partitions)
        assert frame.rdd.getNumPartitions() == (partitions or 4)
        found.append(sorted((row.chunk, row.key, tuple(row.embedding)) for row in frame.collect()))
    assert found[0] == found[1] == found[2] == found[3]
    assert [chunk for chunk, _, _ in found[0]] == [number // 25 for number in range(100)]


def test_s3_keeps_shards_too(s3_server: S3Server) -> None:
    space = FeatureStore(s3_server.new_bucket("features"), s3_server.options).space("d" * 64)
    assert space.index().num_rows == 0
    assert space.write("1.parquet", shard(["a", "b"]))
    assert not space.write("1.parquet", shard(["a", "b"]))
    assert space.index().column("key").to_pylist() == ["a", "b"]
    assert space.is_whole("1.parquet")
    space.remove("1.parquet")
    assert space.shards() == []


def test_a_full_disk_is_told_from_a_store_that_does_not_answer(
    space: FeatureSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No disk can be filled here, so the store says what it says on a full one."""

    def refuse(message: str) -> None:
        def put(*_: object, **__: object) -> None:
            raise GenericError(message)

        monkeypatch.setattr(obstore, "put", put)

    refuse("Unable to copy data to file: No space left on device (os error 28)")
    with pytest.raises(StoreFull, match="No room is left"):
        space.write("1.parquet", shard(["a"]))
    refuse("connection refused")
    with pytest.raises(StoreUnavailable, match=r"cannot be written \(1\.parquet\): connection refused"):
        space.write("1.parquet", shard(["a"]))
