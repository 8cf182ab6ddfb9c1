"""Every photo gets the vector that the network gives it, once, or a reason why not."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from batch.corpus import CorpusPhoto, Reader, list_photos
from batch.embedding import EmbeddingResult, embed
from batch.feature_store import FeatureStore
from models.embedder import Embedder
from models.errors import LocationInvalid, NetworkError
from models.labels import LabelRules
from models.near_duplicates import signature
from models.photo import decode, fit
from tests.batch.conftest import NETWORK_FEATURES, paint, spoil_a_vector
from tests.s3_server import S3Server

Run = Callable[..., EmbeddingResult]


@pytest.fixture
def run(spark: SparkSession, tiny_network: bytes, tmp_path: Path) -> Run:
    """Embed photos with shards of at most four, so that a handful of photos makes several."""

    def run_once(
        photos: Sequence[CorpusPhoto], reader: Reader = "auto", features: str = "features"
    ) -> EmbeddingResult:
        store = FeatureStore(str(tmp_path / features))
        return embed(spark, photos, tiny_network, None, store, shard_photos=4, batch_size=3, reader=reader)

    return run_once


def vectors(result: EmbeddingResult) -> dict[str, np.ndarray]:
    """Collect path -> vector."""
    found = {row.key: np.array(row.embedding, np.float32) for row in result.embeddings.collect()}
    assert sorted(found) == list(result.keys)
    return {photo.path: found[key] for key, photo in zip(result.keys, result.photos, strict=True)}


def assert_same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[path], second[path]) for path in first)


def shards(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def test_vectors_are_those_of_the_network_used_directly(
    run: Run, orchard: Path, orchard_photos: tuple[CorpusPhoto, ...], tiny_network: bytes
) -> None:
    result = run(orchard_photos)
    embedder = Embedder.load(tiny_network)
    direct = {
        photo.path: embedder.embed(
            fit(decode((orchard / photo.path).read_bytes()).pixels, embedder.input_size)[None]
        )[0]
        for photo in orchard_photos
    }
    assert_same(vectors(result), direct)
    assert list(result.signatures) == [
        signature(decode((orchard / photo.path).read_bytes()).pixels) for photo in result.photos
    ]
    assert len(np.unique(np.stack(list(direct.values())), axis=0)) == 14
    assert (result.embedded, result.reused, result.rejects, result.d_cnn) == (14, 0, (), NETWORK_FEATURES)


def test_photos_that_cannot_be_used_are_rejected_with_a_code_and_cost_nothing_else(
    run: Run, orchard: Path, rules: LabelRules
) -> None:
    whole = (orchard / "apple" / "0.jpg").read_bytes()
    (orchard / "apple" / "text.jpg").write_text("not a photo at all", "utf-8")
    (orchard / "apple" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (orchard / "apple" / "empty.jpg").touch()
    paint(orchard / "pear" / "tiny.jpg", 1, (9, 9))
    paint(orchard / "pear" / "vanishes.jpg", 2)
    with (orchard / "pear" / "vast.jpg").open("wb") as file:
        file.truncate(20_000_001)
    photos = list_photos(str(orchard), rules=rules).photos
    vanished = (orchard / "pear" / "vanishes.jpg").rename(orchard.parent / "vanished")
    result = run(photos)
    assert [(reject.photo.path, reject.code) for reject in result.rejects] == [
        ("apple/cut.jpg", "undecodable"),
        ("apple/empty.jpg", "undecodable"),
        ("apple/text.jpg", "undecodable"),
        ("pear/tiny.jpg", "too_small"),
        ("pear/vanishes.jpg", "unreadable"),
        ("pear/vast.jpg", "too_large"),
    ]
    assert len(result.photos) == len(vectors(result)) == 14

    vanished.rename(orchard / "pear" / "vanishes.jpg")
    again = run(photos)
    assert (again.embedded, again.reused) == (1, 19), (
        "what could not be fetched is tried again, the rest is known"
    )
    assert [reject.code for reject in again.rejects] == [
        r.code for r in result.rejects if r.code != "unreadable"
    ]
    assert "pear/vanishes.jpg" in vectors(again)


def test_the_next_build_embeds_only_what_is_new_or_changed_and_leaves_out_what_is_gone(
    run: Run, orchard: Path, orchard_photos: tuple[CorpusPhoto, ...], rules: LabelRules
) -> None:
    before = vectors(run(orchard_photos))
    same = run(orchard_photos)
    assert (same.embedded, same.reused) == (0, 14)
    assert_same(vectors(same), before)

    paint(orchard / "apple" / "new.jpg", 500)
    paint(orchard / "apple" / "1.jpg", 501)
    os.utime(orchard / "apple" / "2.jpg", ns=(0, 1_000))
    (orchard / "pear" / "3.jpg").unlink()
    result = run(list_photos(str(orchard), rules=rules).photos)
    after = vectors(result)
    assert (result.embedded, result.reused) == (3, 11)
    assert after.keys() == before.keys() - {"pear/3.jpg"} | {"apple/new.jpg"}
    assert {
        path for path in after.keys() & before.keys() if not np.array_equal(after[path], before[path])
    } == {"apple/1.jpg"}


def test_a_build_that_died_half_way_is_carried_on(
    run: Run, orchard_photos: tuple[CorpusPhoto, ...], tmp_path: Path
) -> None:
    whole = vectors(run(orchard_photos, features="undisturbed"))
    assert run(orchard_photos[::2]).embedded == 7
    assert run(orchard_photos).embedded == 7
    lost = shards(tmp_path / "features")[0]
    lost.unlink()
    result = run(orchard_photos)
    assert 0 < result.embedded <= 4
    assert_same(vectors(result), whole)


@pytest.mark.parametrize("place", ["vectors", "end"])
def test_a_broken_shard_is_noticed_and_its_photos_embedded_again(
    run: Run,
    orchard_photos: tuple[CorpusPhoto, ...],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    before = vectors(run(orchard_photos))
    path = shards(tmp_path / "features")[1]
    if place == "vectors":
        spoil_a_vector(path)
    else:
        path.write_bytes(path.read_bytes()[:-100])
    with caplog.at_level(logging.WARNING):
        result = run(orchard_photos)
    assert f"{path.name} is broken; its photos are embedded again" in caplog.text
    assert 0 < result.embedded <= 4
    assert_same(vectors(result), before)


def test_hadoop_gives_the_same_vectors_and_rejects(
    run: Run, spark: SparkSession, orchard: Path, rules: LabelRules
) -> None:
    paint(orchard / "pear" / "[x]{y}*? %20é#.jpg", 8)
    paint(orchard / "pear" / "vanishes.jpg", 9)
    (orchard / "pear" / "text.jpg").write_text("not a photo at all", "utf-8")
    own = list_photos(str(orchard), rules=rules).photos
    through = list_photos(f"file://{orchard}", rules=rules, reader="hadoop", spark=spark).photos
    (orchard / "pear" / "vanishes.jpg").unlink()
    expected, result = run(own), run(through, reader="hadoop", features="hadoop")
    assert_same(vectors(result), vectors(expected))
    codes = [("pear/text.jpg", "undecodable"), ("pear/vanishes.jpg", "unreadable")]
    assert [(reject.photo.path, reject.code) for reject in result.rejects] == codes
    assert [(reject.photo.path, reject.code) for reject in expected.rejects] == codes
    assert run(through, reader="hadoop", features="hadoop").reused == 16


def test_photos_and_features_on_s3(
    spark: SparkSession, s3_server: S3Server, orchard: Path, rules: LabelRules, tiny_network: bytes, run: Run
) -> None:
    uri = s3_server.new_bucket("photos")
    for file in orchard.rglob("*.jpg"):
        key = f"photos/{file.relative_to(orchard)}"
        s3_server.client().put_object(Bucket=uri.split("/")[2], Key=key, Body=file.read_bytes())
    photos = list_photos(uri, s3_server.options, rules=rules).photos
    store = FeatureStore(s3_server.new_bucket("features"), s3_server.options)
    result = embed(spark, photos, tiny_network, None, store, s3_server.options)
    assert_same(vectors(result), vectors(run(list_photos(str(orchard), rules=rules).photos)))
    again = embed(spark, photos, tiny_network, None, store, s3_server.options)
    assert (again.embedded, again.reused) == (0, 14)


def test_progress_goes_up_to_every_photo(
    spark: SparkSession, orchard_photos: tuple[CorpusPhoto, ...], tiny_network: bytes, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    store = FeatureStore(str(tmp_path / "features"))
    embed(
        spark,
        orchard_photos,
        tiny_network,
        None,
        store,
        on_progress=lambda done, all_: seen.append((done, all_)),
    )
    assert seen == sorted(seen)
    assert seen[-1] == (14, 14)


def test_a_photo_that_comes_twice_counts_once(run: Run, orchard_photos: tuple[CorpusPhoto, ...]) -> None:
    result = run([*orchard_photos, *orchard_photos])
    assert len(result.photos) == result.embedded == 14


def test_a_corpus_of_one_class_is_embedded_as_any_other(
    run: Run, orchard_photos: tuple[CorpusPhoto, ...]
) -> None:
    apples = [photo for photo in orchard_photos if photo.label.fruit == "apple"]
    assert len(run(apples).photos) == 8


def test_a_corpus_without_one_usable_photo_leaves_nothing_but_rejects(
    run: Run, tmp_path: Path, rules: LabelRules
) -> None:
    (tmp_path / "bad" / "apple").mkdir(parents=True)
    (tmp_path / "bad" / "apple" / "1.jpg").write_text("no photo", "utf-8")
    result = run(list_photos(str(tmp_path / "bad"), rules=rules).photos)
    assert (result.photos, len(result.rejects)) == ((), 1)
    assert result.embeddings.collect() == []


def test_a_network_that_cannot_run_is_refused_before_spark_starts_on_it(
    spark: SparkSession, orchard_photos: tuple[CorpusPhoto, ...], tiny_network: bytes, tmp_path: Path
) -> None:
    store = FeatureStore(str(tmp_path / "features"))
    with pytest.raises(NetworkError):
        embed(spark, orchard_photos, b"no network", None, store)
    with pytest.raises(NetworkError, match="no tensor 'pool'"):
        embed(spark, orchard_photos, tiny_network, "pool", store)
    assert not (tmp_path / "features").exists()


def test_features_cannot_be_kept_below_a_file(
    run: Run, orchard_photos: tuple[CorpusPhoto, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocationInvalid):
        run(orchard_photos, features="file")


def test_the_imagenet_network_gives_its_pooled_features(
    spark: SparkSession, orchard_photos: tuple[CorpusPhoto, ...], shared_data: Path, tmp_path: Path
) -> None:
    network = (shared_data / "mobilenet_v2_imagenet_int8.tflite").read_bytes()
    tensor = "mobilenetv2_1.00_224/global_average_pooling2d/Mean"
    result = embed(spark, orchard_photos[:3], network, tensor, FeatureStore(str(tmp_path / "features")))
    found = vectors(result)
    assert {vector.shape for vector in found.values()} == {(1280,)}
    # The int8 tensor has a scale of 0.018954, so every feature is a multiple of it.
    steps = np.stack(list(found.values())) / 0.018954
    assert np.abs(steps - steps.round()).max() < 0.02
