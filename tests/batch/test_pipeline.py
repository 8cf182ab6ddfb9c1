"""A build from folders of photos to a published bundle, on a real Spark session."""

import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from batch.console import Console
from batch.evaluate import answer_photos, open_bundle
from batch.gate import Verdict
from batch.pipeline import Outcome, build
from batch.settings import BuildSettings
from batch.synthetic import render_corpus
from models import photo
from models.bundle import FILES, read_manifest, verify
from models.embedder import Embedder
from models.errors import (
    CorpusError,
    LocationInvalid,
    LocationMissing,
    NetworkError,
    SettingsError,
    StoreFull,
)
from models.identifier import Identifier
from models.locations import S3Options
from models.manifest import time_after
from models.store import open_store
from tests.pickle_search import pickles_in
from tests.torture.broken_builds import clock_at, small_disk

FRUITS = ("apple", "banana", "lime")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give 40 rendered photos each of three fruits and 40 that show none."""
    folder = tmp_path_factory.mktemp("rendered") / "market"
    render_corpus(folder, photos_per_fruit=40, negatives=40, seed=1)
    for own in folder.iterdir():
        if own.name not in (*FRUITS, "not_fruit"):
            shutil.rmtree(own)
    (folder / "credits.csv").write_text("folder,credit\n,Drawn here\napple,An orchard\n")
    return folder


@pytest.fixture(scope="module")
def network(tiny_network: bytes, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("network") / "tiny.tflite"
    path.write_bytes(tiny_network)
    return str(path)


@dataclass
class Built:
    settings: BuildSettings
    outcome: Outcome
    folder: Path


@pytest.fixture(scope="module")
def built(corpus: Path, network: str, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Built:
    store = tmp_path_factory.mktemp("store")
    settings = BuildSettings((str(corpus),), str(store), network=network, components=8)
    outcome = build(settings, Console(), spark)
    assert outcome.version is not None
    return Built(settings, outcome, store / outcome.version)


def test_the_bundle_is_whole_and_current(built: Built) -> None:
    manifest = verify(built.folder)
    current = open_store(built.settings.store).current()

    assert current is not None
    assert current.version == manifest.version == built.outcome.version
    assert {path.name for path in built.folder.iterdir()} == {*FILES, "manifest.json"}


def test_neither_the_bundle_nor_the_features_hold_a_pickle(built: Built) -> None:
    written = [path for path in Path(built.settings.store).rglob("*") if path.is_file()]
    assert any("features" in path.parts for path in written)
    assert {path.suffix for path in written} >= {".parquet", ".npz", ".faiss", ".tflite", ".json", ".html"}
    assert [found for path in written for found in pickles_in(path)] == []


def test_the_manifest_says_what_was_built(built: Built) -> None:
    manifest = read_manifest(built.folder)

    assert (manifest.d_cnn, manifest.d_pca) == (24, 8)
    assert set(manifest.counts) == set(FRUITS)
    assert manifest.corpora == ("market",)
    assert manifest.network["name"] == "tiny"
    assert 0 < manifest.explained_variance <= 1
    assert manifest.index["recall_at_10"] >= 0.995
    assert set(manifest.thresholds) == {"is_fruit", "variety", "fruit", "family"}
    assert manifest.metrics["all"]["photos"] > 0
    assert manifest.metrics["all"]["negatives"] > 0


def test_photos_kept_apart_are_asked_before_they_join_the_index(built: Built, corpus: Path) -> None:
    identifier = Identifier.load(built.folder)
    answered = answer_photos(identifier, [str(corpus)], only_kept_apart=True)
    fruits = {path for path, label in zip(answered.paths, answered.labels, strict=True) if label.is_fruit}

    assert len(fruits) > 5
    assert built.outcome.metrics["all"]["photos"] == len(fruits)
    joined = identifier.images - identifier.without_kept_apart().images
    assert joined  # near twins join once
    assert joined <= fruits
    assert read_manifest(built.folder).index["rows_kept_apart"] == len(joined)
    asked = corpus.parent / f"{min(joined)}.jpg"
    framed = photo.fit(photo.decode(asked.read_bytes()).pixels, identifier.input_size)[None]
    assert identifier.judge(identifier.embed(framed))[1][0, 0] == pytest.approx(1.0, abs=0.01)
    assert identifier.without_kept_apart().judge(identifier.embed(framed))[1][0, 0] < 0.9999


def test_evaluate_gives_the_figures_of_the_build(built: Built, corpus: Path) -> None:
    from batch.evaluation import measure

    figures = measure(
        answer_photos(
            open_bundle(built.settings.store, S3Options(), built.folder), [str(corpus)], only_kept_apart=True
        )
    )

    assert figures["top1"] == built.outcome.metrics["all"]["top1"]
    assert figures["calibration_error"] == pytest.approx(
        built.outcome.metrics["all"]["calibration_error"], abs=0.02
    )


def test_batch_and_api_give_the_same_vector_for_the_same_bytes(
    built: Built, corpus: Path, network: str
) -> None:
    identifier = Identifier.load(built.folder)
    path = next((corpus / "apple").iterdir())
    embedder = Embedder.load(Path(network).read_bytes())
    framed = photo.fit(photo.decode(path.read_bytes()).pixels, embedder.input_size)
    vector = identifier.projection.project(embedder.embed(framed[None]))

    indexed = [image for image in identifier.images if image.startswith("market/apple/")]
    found = identifier.identify(
        [(corpus / "apple" / f"{indexed[0].rsplit('/', 1)[1]}.jpg").read_bytes()], top=3
    )
    best = next(fruit for fruit in found.results if fruit.fruit == "apple").similar[0]
    assert best.image == indexed[0]
    assert best.similarity == pytest.approx(1.0, abs=0.01)  # the index holds it in one byte a number
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_similar_photos_carry_the_credit_of_their_folder(built: Built, corpus: Path) -> None:
    identifier = Identifier.load(built.folder)
    answer = identifier.identify([next((corpus / "apple").iterdir()).read_bytes()], top=3)
    named = {fruit.fruit: {similar.credit for similar in fruit.similar} for fruit in answer.results}

    assert named["apple"] == {"An orchard"}
    assert named["banana"] | named["lime"] <= {"Drawn here"}


def test_the_same_corpus_builds_the_same_content(built: Built, spark: SparkSession, tmp_path: Path) -> None:
    again = build(
        replace(built.settings, store=str(tmp_path), features=built.settings.features_uri), Console(), spark
    )
    assert again.version is not None

    assert again.version.split("-")[1] == (built.outcome.version or "").split("-")[1]


def test_a_second_build_embeds_nothing_and_compares_itself(built: Built, spark: SparkSession) -> None:
    console = Console()
    outcome = build(built.settings, console, spark)

    assert outcome.version is not None
    assert outcome.verdict is not None
    assert not outcome.verdict.refused
    # Though the current index holds them.
    assert outcome.verdict.photos == built.outcome.metrics["all"]["photos"]
    assert "compare with the current bundle" in [step.name for step in console.steps]


def test_a_new_fruit_is_named_after_its_folder_and_reported(
    built: Built, spark: SparkSession, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    shutil.copytree(Path(built.settings.corpora[0]) / "banana", more / "Dekopon")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        outcome = build(
            replace(
                built.settings, corpora=(*built.settings.corpora, str(more)), store=str(tmp_path / "store")
            ),
            Console(),
            spark,
        )
    assert outcome.version is not None
    identifier = Identifier.load(tmp_path / "store" / outcome.version)

    assert "dekopon" in identifier.fruits
    assert identifier.catalogue.name("dekopon", "fr") == "Dekopon"
    assert any("dekopon" in warning for warning in outcome.warnings)


def test_without_negatives_and_another_network_the_build_says_that_it_cannot_refuse(
    built: Built, spark: SparkSession, tmp_path: Path
) -> None:
    corpus = tmp_path / "fruits"
    for name in FRUITS:
        shutil.copytree(Path(built.settings.corpora[0]) / name, corpus / name)
    outcome = build(
        replace(built.settings, corpora=(str(corpus),), store=str(tmp_path / "store")), Console(), spark
    )

    assert any("takes every photo for a fruit" in warning for warning in outcome.warnings)


def test_a_refused_bundle_is_not_published_unless_forced(
    built: Built, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_store(built.settings.store).current()
    worse = Verdict(900, 0.7, 0.8, 0.001, True, "It is clearly worse.")
    monkeypatch.setattr("batch.comparison.compare", lambda *_: worse)

    refused = build(built.settings, Console(), spark)
    assert refused.version is None
    assert open_store(built.settings.store).current() == before

    forced = build(replace(built.settings, force=True), Console(), spark)
    current = open_store(built.settings.store).current()
    assert current is not None
    assert current.version == forced.version


def damage(corpus: Path, count: int) -> None:
    for number in range(count):
        (corpus / "apple" / f"broken-{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")


def test_broken_photos_are_counted_and_the_build_goes_on(
    built: Built, spark: SparkSession, tmp_path: Path
) -> None:
    corpus = shutil.copytree(built.settings.corpora[0], tmp_path / "market")
    damage(Path(corpus), 5)
    (Path(corpus) / "apple" / "empty.jpg").write_bytes(b"")
    outcome = build(
        replace(built.settings, corpora=(str(corpus),), store=str(tmp_path / "store")), Console(), spark
    )
    assert outcome.version is not None

    report = (tmp_path / "store" / outcome.version / "report.html").read_text()
    assert "apple/broken-0.jpg" in report
    assert "apple/empty.jpg" in report


def test_too_many_broken_photos_stop_the_build(built: Built, spark: SparkSession, tmp_path: Path) -> None:
    corpus = shutil.copytree(built.settings.corpora[0], tmp_path / "market")
    damage(Path(corpus), 40)

    with pytest.raises(CorpusError, match="more than 10%"):
        build(
            replace(built.settings, corpora=(str(corpus),), store=str(tmp_path / "store"), max_rejects=0.1),
            Console(),
            spark,
        )
    assert open_store(str(tmp_path / "store")).current() is None


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda folder: folder / "nowhere", CorpusError, "nowhere"),
        (lambda folder: folder, CorpusError, "is empty"),
        (lambda folder: _with_photo(folder / "apple"), CorpusError, "at least two fruits to tell apart"),
    ],
    ids=["missing", "empty", "one class"],
)
def test_a_corpus_that_cannot_be_learned_from_is_refused_before_spark_starts(
    make: Callable[[Path], Path], error: type[Exception], message: str, network: str, tmp_path: Path
) -> None:
    (tmp_path / "corpus").mkdir()
    corpus = make(tmp_path / "corpus")
    with pytest.raises(error, match=message):
        build(BuildSettings((str(corpus),), str(tmp_path / "store"), network=network), Console())
    assert not (tmp_path / "store" / "current.json").exists()


def _with_photo(folder: Path) -> Path:
    folder.mkdir()
    (folder / "1.jpg").write_bytes(b"\xff\xd8\xff")
    return folder.parent


@pytest.mark.parametrize(("corpus", "reader"), [("s3a://bucket/photos", "auto"), ("s3://bucket/x", "hadoop")])
def test_s3_through_hadoop_is_refused_before_spark_starts(corpus: str, reader: Any, tmp_path: Path) -> None:
    console = Console()
    with pytest.raises(LocationInvalid, match="leave --reader out"):
        build(BuildSettings((corpus,), str(tmp_path / "store"), reader=reader), console)
    assert console.steps == []


def test_a_store_that_cannot_be_opened_is_told_before_anything_is_listed(
    corpus: Path, network: str, s3_server: Any
) -> None:
    console = Console()
    settings = BuildSettings((str(corpus),), "s3://no-such-bucket/b", network=network, s3=s3_server.options)
    with pytest.raises(LocationMissing, match="no-such-bucket"):
        build(settings, console)
    assert console.steps == []


def test_strict_labels_refuse_a_folder_that_nobody_knows(network: str, tmp_path: Path) -> None:
    for name in ("apple", "Dekopon"):
        _with_photo_in(tmp_path / "corpus" / name)
    with pytest.raises(SettingsError, match="dekopon"):
        build(
            BuildSettings(
                (str(tmp_path / "corpus"),), str(tmp_path / "store"), network=network, strict_labels=True
            ),
            Console(),
        )


def _with_photo_in(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"\xff\xd8\xff")


def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"Expected fruitnet, mobilenet_v2 or a \.tflite file"):
        build(BuildSettings((str(tmp_path),), str(tmp_path / "store"), network="resnet"), Console())


def test_more_components_than_features_are_refused(built: Built, spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Expected between 1 and 24 components"):
        build(replace(built.settings, components=500), Console(), spark)


def test_a_full_disk_while_publishing_leaves_the_old_bundle_current(
    built: Built, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_store(built.settings.store).current()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.disk.os.fsync", full)
    with pytest.raises(StoreFull):
        build(built.settings, Console(), spark)
    assert open_store(built.settings.store).current() == before


def test_a_clock_that_was_set_back_does_not_bring_a_version_before_the_current_one(
    built: Built, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store(built.settings.store)
    before = store.current()
    assert before is not None
    monkeypatch.setattr("batch.pipeline.datetime", clock_at(datetime(2001, 1, 1, tzinfo=UTC)))
    outcome = build(replace(built.settings, force=True), Console(), spark)
    assert outcome.version is not None
    assert (
        time_after(before.version, datetime(2001, 1, 1, tzinfo=UTC)).strftime("%Y%m%dT%H%M%SZ")
        == (outcome.version[:16])
    )
    assert store.versions()[-1] == outcome.version
    assert "the clock says 2001-01-01 00:00:00 UTC" in caplog.text


def test_a_full_disk_while_the_bundle_is_laid_out_is_told(
    built: Built, spark: SparkSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = open_store(built.settings.store).current()
    with small_disk(tmp_path / "disk", size_kb=100) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(StoreFull, match=f"no room left while writing the bundle to {disk}"):
            build(built.settings, Console(), spark)
    assert open_store(built.settings.store).current() == before
