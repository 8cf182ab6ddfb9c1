"""S3 lists a thousand keys a page: what lies on the third page is seen as well."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
import pytest

from batch.corpus import list_photos
from batch.feature_store import FeatureStore
from models.bundle import MANIFEST
from models.labels import LabelRules
from models.locations import open_location
from models.store import open_store
from tests.sealed_bundle import write_bundle

PAGE_KEYS = 1_000
KEYS = 2_100


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


on_both = pytest.mark.parametrize("server", ["s3_server", "rgw_server"], indirect=True)
on_both_in_the_drill = pytest.mark.parametrize(
    "server", [pytest.param("s3_server", marks=pytest.mark.drill), "rgw_server"], indirect=True
)


def put_all(objects: Any, paths: list[str], content: bytes) -> None:
    """Write the same bytes under many names."""
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda path: obstore.put(objects, path, content), paths))


@on_both
def test_every_photo_of_a_large_corpus_is_listed(server: Any) -> None:
    uri = server.new_bucket("photos")
    paths = [f"apple/{number:05d}.jpg" for number in range(KEYS)]
    put_all(open_location(uri, server.options).objects, paths, b"photo")
    with server.flaky() as (flaky, through):
        listing = list_photos(uri, through, rules=LabelRules.default())
        assert flaky.asked("GET", "list-type=2") == -(-KEYS // PAGE_KEYS)
    assert [photo.path for photo in listing.photos] == paths


@on_both_in_the_drill
def test_every_shard_of_a_large_feature_store_is_listed(server: Any) -> None:
    uri = server.new_bucket("features")
    space = FeatureStore(uri, server.options).space("0" * 64)
    names = [f"{number:032x}.parquet" for number in range(KEYS)]
    put_all(open_location(space.uri, server.options).objects, names, b"shard")
    with server.flaky() as (flaky, through):
        assert FeatureStore(uri, through).space("0" * 64).shards() == names
        assert flaky.asked("GET", "list-type=2") == -(-KEYS // PAGE_KEYS)


@on_both_in_the_drill
def test_every_version_of_a_large_store_is_listed_and_older_ones_can_be_promoted(
    server: Any, tmp_path: Path
) -> None:
    uri = server.new_bucket("bundles")
    write_bundle(tmp_path / "bundle")
    store = open_store(uri, server.options)
    pointer = store.publish(tmp_path / "bundle", None)
    later = [f"20270101T{number // 60:04d}{number % 60:02d}Z-abcdef" for number in range(KEYS)]
    put_all(open_location(uri, server.options).objects, [f"{name}/{MANIFEST}" for name in later], b"{}")
    unfinished = "20270102T000000Z-abcdef"
    obstore.put(open_location(uri, server.options).objects, f"{unfinished}/index.faiss", b"half")
    with server.flaky() as (flaky, through):
        assert open_store(uri, through).versions() == [pointer.version, *later]
        assert flaky.asked("GET", "list-type=2") > KEYS // PAGE_KEYS
    assert store.promote(pointer.version, pointer).version == pointer.version


@on_both
def test_features_are_written_to_s3_and_read_back(server: Any) -> None:
    space = FeatureStore(server.new_bucket("features"), server.options).space("1" * 64)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(8, dtype=np.float32)), 4)
    table = pa.table(
        {
            "key": ["a", "b"],
            "error": pa.array([None, None], pa.string()),
            "corpus": ["c", "c"],
            "signature": pa.array([b"s" * 16] * 2, pa.binary(16)),
            "embedding": vectors,
        }
    )
    assert space.write("0.parquet", table)
    assert not space.write("0.parquet", table)
    assert space.is_whole("0.parquet")
    assert space.index().column("key").to_pylist() == ["a", "b"]
