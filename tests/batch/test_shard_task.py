"""A task that runs again, or beside its twin, neither repeats the work nor spoils it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from batch.feature_store import FeatureStore
from batch.shard_task import PhotoRow, Seen, ShardTask, embed_contents, fetch, shard_name
from models.embedder import Embedder, network_hash
from models.locations import S3Options
from tests.batch.conftest import NETWORK_FEATURES, paint


@dataclass(frozen=True)
class Shipped:
    """Stands for Spark's broadcast of the network."""

    value: bytes


@pytest.fixture
def rows(tmp_path: Path) -> list[PhotoRow]:
    files = [paint(tmp_path / "corpus" / f"{number}.jpg", number) for number in range(7)]
    return [
        PhotoRow(f"key{place}", str(tmp_path / "corpus"), file.name, file.stat().st_size)
        for place, file in enumerate(files)
    ]


def task(network: bytes, folder: Path) -> ShardTask:
    space = FeatureStore(str(folder / "features")).space("e" * 64)
    shipped = Shipped(network)
    return ShardTask(space, S3Options(), shipped, network_hash(network), None, 3)  # type: ignore[arg-type]


def batch(rows: list[PhotoRow], shard: int = 0) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"shard": shard, **row._asdict()} for row in rows])


def test_a_repeated_task_finds_its_shard_and_leaves_it(
    tiny_network: bytes, rows: list[PhotoRow], tmp_path: Path
) -> None:
    first = task(tiny_network, tmp_path)
    reports = list(first.embed_listed([batch(rows[:3]), batch(rows[3:])]))
    assert [report.to_pylist() for report in reports] == [[{"shard": shard_name(rows), "photos": 7}]]
    path = Path(first.space.uri) / shard_name(rows)
    before = path.stat()
    for row in rows:
        (tmp_path / "corpus" / row.path).unlink()
    assert list(first.embed_listed([batch(rows[::-1])])) == reports, "photos are not opened a second time"
    assert path.stat() == before


def test_one_task_may_hold_several_shards(tiny_network: bytes, rows: list[PhotoRow], tmp_path: Path) -> None:
    first = task(tiny_network, tmp_path)
    reports = list(first.embed_listed([batch(rows[:3], 4), batch(rows[3:], 9)]))
    assert [report.column("photos")[0].as_py() for report in reports] == [3, 4]
    assert first.space.shards() == sorted([shard_name(rows[:3]), shard_name(rows[3:])])


def test_a_shard_is_named_by_its_photos_in_whatever_order(rows: list[PhotoRow]) -> None:
    assert shard_name(rows) == shard_name(rows[::-1]) != shard_name(rows[1:])


def test_photos_are_fetched_in_order_within_a_bound_of_bytes(
    rows: list[PhotoRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.shard_task._FETCHED_BYTES", 2 * rows[0].size)
    rows.insert(3, rows[0]._replace(path="gone.jpg"))
    rows.insert(5, rows[0]._replace(size=20_000_001))
    with ThreadPoolExecutor(4) as fetchers:
        contents = list(fetch(rows, S3Options(), fetchers))
    assert (contents[3], contents[5]) == ("unreadable", "too_large")
    others = [
        (row, content) for row, content in zip(rows, contents, strict=True) if isinstance(content, bytes)
    ]
    assert len(others) == 7
    assert all((tmp_path / "corpus" / row.path).read_bytes() == content for row, content in others)


def test_results_keep_their_places_around_bad_photos(
    tiny_network: bytes, rows: list[PhotoRow], tmp_path: Path
) -> None:
    embedder = Embedder.load(tiny_network)
    good = [(tmp_path / "corpus" / row.path).read_bytes() for row in rows]
    mixed = embed_contents([good[0], b"text", good[1], "unreadable", good[2], good[3]], embedder, 2)
    assert [mixed[1], mixed[3]] == ["undecodable", "unreadable"]
    alone = embed_contents(good[:4], embedder, 32)
    for place, seen in zip((0, 2, 4, 5), alone, strict=True):
        there = mixed[place]
        assert isinstance(there, Seen)
        assert isinstance(seen, Seen)
        assert np.array_equal(there.vector, seen.vector)
        assert there.signature == seen.signature
        assert seen.vector.shape == (NETWORK_FEATURES,)
