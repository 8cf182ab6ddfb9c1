"""Where bundles come from: fetched, verified, warmed; the cache serves a start without the store."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pytest

from api.bundle_source import DefaultSource, StoreSource, bundle_source
from api.settings import Settings
from models.errors import BundleCorrupt, FruitsError, StoreUnavailable, VersionMissing
from models.locations import open_location
from models.store import POINTER, Store, open_store
from tests.sealed_bundle import write_bundle


@pytest.fixture
def folder(default_bundle: Path) -> Path:
    if not (default_bundle / "manifest.json").is_file():
        pytest.skip("needs the default bundle")
    return default_bundle


@pytest.fixture
def s3_source(s3_server: Any, tmp_path: Path) -> tuple[Store, Callable[[], StoreSource]]:
    """Give an empty store on S3 and what makes a source of it, as a fresh process would."""
    uri = s3_server.new_bucket("store")
    settings = Settings(store=uri, s3_endpoint=s3_server.endpoint_url, cache=str(tmp_path / "cache"))
    return open_store(uri, s3_server.options), lambda: StoreSource(uri, settings)


def fetched(tmp_path: Path) -> set[str]:
    """Name the bundles in the cache."""
    return {manifest.parent.name for manifest in (tmp_path / "cache").glob("*/*/manifest.json")}


def test_without_a_store_the_default_bundle_answers(folder: Path) -> None:
    source = bundle_source(Settings())
    assert isinstance(source, DefaultSource)
    assert source.last_good() is None
    identifier = source.load(source.current().version)
    assert identifier.version == json.loads((folder / "manifest.json").read_text())["version"]


@pytest.mark.parametrize("exists", [True, False])
def test_an_empty_store_names_nothing(tmp_path: Path, exists: bool) -> None:
    store = tmp_path if exists else tmp_path / "nowhere"
    source = bundle_source(Settings(store=str(store), cache=str(tmp_path / "cache")))
    assert source.current() is None
    assert source.last_good() is None


def test_an_address_that_cannot_be_one_is_a_deliberate_error(tmp_path: Path) -> None:
    source = bundle_source(Settings(store="ftp://host/store", cache=str(tmp_path)))
    assert source.last_good() is None
    with pytest.raises(FruitsError, match="s3://"):
        source.current()


def test_a_bundle_in_a_folder_is_served_where_it_lies_and_remembered(tmp_path: Path, folder: Path) -> None:
    store = tmp_path / "store"
    pointer = open_store(str(store)).publish(folder, None)
    settings = Settings(store=str(store), cache=str(tmp_path / "cache"))
    source = bundle_source(settings)
    assert source.current() == pointer
    assert source.load(pointer.version).version == pointer.version
    assert fetched(tmp_path) == set()
    (store / "current.json").write_text("{}")
    again = bundle_source(settings)
    with pytest.raises(BundleCorrupt):
        again.current()
    remembered = again.last_good()
    assert remembered is not None
    assert remembered.version == pointer.version


def test_the_same_relative_path_elsewhere_is_another_store(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointer = open_store(str(tmp_path / "here" / "store")).publish(folder, None)
    (tmp_path / "there").mkdir()
    settings = Settings(store="store", cache=str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "here")
    bundle_source(settings).load(pointer.version)
    assert bundle_source(settings).last_good() is not None
    monkeypatch.chdir(tmp_path / "there")
    assert bundle_source(settings).last_good() is None


def test_a_start_without_the_store_serves_the_last_good_bundle_from_the_cache(
    s3_source: Any, folder: Path, tmp_path: Path, s3_server: Any
) -> None:
    store, new_source = s3_source
    pointer = store.publish(folder, None)
    assert new_source().last_good() is None
    assert new_source().load(pointer.version).version == pointer.version
    assert fetched(tmp_path) == {pointer.version}
    unreachable = new_source()
    unreachable._s3 = type(unreachable._s3)(endpoint_url="http://127.0.0.1:1", region="eu-west-3")
    with pytest.raises(StoreUnavailable):
        unreachable.current()
    remembered = unreachable.last_good()
    assert remembered is not None
    assert remembered.version == pointer.version


def test_a_last_good_bundle_is_verified_again(s3_source: Any, folder: Path, tmp_path: Path) -> None:
    store, new_source = s3_source
    pointer = store.publish(folder, None)
    new_source().load(pointer.version)
    (network,) = (tmp_path / "cache").glob("*/*/network.tflite")
    altered = np.frombuffer(network.read_bytes(), np.uint8).copy()
    altered[1000] ^= 1
    network.write_bytes(altered.tobytes())
    with pytest.raises(BundleCorrupt, match="altered"):
        new_source().last_good()
    assert new_source().load(pointer.version).version == pointer.version  # fetched anew


def test_a_bundle_that_verifies_and_cannot_answer_is_refused_and_the_last_good_one_kept(
    s3_source: Any, folder: Path, tmp_path: Path
) -> None:
    store, new_source = s3_source
    good = store.publish(folder, None)
    noise = [write_bundle(tmp_path / f"noise-{seed}", seed).version for seed in (1, 2)]
    source = new_source()
    source.load(good.version)
    pointer = good
    for seed, version in enumerate(noise, 1):
        pointer = store.publish(tmp_path / f"noise-{seed}", pointer)
        with pytest.raises(FruitsError):
            source.load(version)
        assert fetched(tmp_path) == {good.version, version}
    assert new_source().last_good().version == good.version


def test_a_version_that_is_not_there_is_told_as_missing(s3_source: Any) -> None:
    with pytest.raises(VersionMissing):
        s3_source[1]().load("20261122T181500Z-3f9a1c")


def test_the_store_is_opened_once_and_again_after_an_error(
    s3_source: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, new_source = s3_source
    source = new_source()
    opened = []

    def counted(*arguments: Any) -> Store:
        opened.append(arguments)
        return open_store(*arguments)

    monkeypatch.setattr("api.bundle_source.open_store", counted)
    assert source.current() is None
    pointer = store.publish(folder, None)
    assert source.current() == pointer
    source.load(pointer.version)
    assert len(opened) == 1
    with pytest.raises(VersionMissing):
        source.load("20261122T181500Z-3f9a1c")
    assert source.current() == pointer
    assert len(opened) == 2


@pytest.mark.parametrize("kind", ["s3_server", "rgw_server"])
def test_a_pointer_that_has_not_moved_is_not_sent_again(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    server = request.getfixturevalue(kind)
    uri = server.new_bucket("store")
    store = open_store(uri, server.options)
    for seed in (1, 2):
        write_bundle(tmp_path / str(seed), seed)
    first = store.publish(tmp_path / "1", None)
    with server.flaky() as (flaky, through):
        settings = Settings(store=uri, s3_endpoint=through.endpoint_url, cache=str(tmp_path / "cache"))
        source = StoreSource(uri, settings)
        polled = [source.current() for _ in range(3)]
        second = store.publish(tmp_path / "2", first)
        polled += [source.current() for _ in range(2)]
        obstore.delete(open_location(uri, server.options).objects, POINTER)
        polled += [source.current() for _ in range(2)]
    assert polled == [first, first, first, second, second, None, None]
    statuses = [status for _, path, status in flaky.answers if path.endswith(POINTER)]
    assert statuses == [200, 304, 304, 200, 304, 404, 404]


def test_a_cache_filled_before_serves_though_its_note_cannot_be_written(
    s3_source: Any, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An image may bring its bundle along."""
    store, new_source = s3_source
    pointer = store.publish(folder, None)
    place = new_source()._cache.folder
    place.mkdir(parents=True)
    shutil.copytree(folder, place / pointer.version)
    (place / "last-good.json").mkdir()  # cannot be replaced by a file, whoever runs this
    assert new_source().load(pointer.version).version == pointer.version
    assert "cannot be written" in caplog.text
