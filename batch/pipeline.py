"""A build from end to end: list, embed, PCA, index, decide, measure, compare, publish."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from batch import bundle_writer, out_of_memory
from batch.comparison import Comparison, compare_with_current
from batch.console import Console
from batch.corpus import uses_hadoop
from batch.decision_fit import check_two_fruits
from batch.embedding import EmbeddingResult
from batch.evaluation import measure_kinds
from batch.gate import Verdict
from batch.hadoop import check_address
from batch.learning import learn
from batch.networks import Network, find_network
from batch.pca_fit import fit_pca
from batch.projected import Projected, embed_photos
from batch.session import start_session
from batch.settings import BuildSettings
from batch.sources import Sources, find_sources
from models.bundle import seal
from models.catalogue import Catalogue
from models.disk import disk_errors
from models.embedder import Embedder
from models.errors import CorpusError
from models.locations import is_s3, open_location
from models.manifest import time_after
from models.records import NOT_FRUIT
from models.store import Pointer, Store, open_store


@dataclass(frozen=True)
class Outcome:
    """What a build came to.

    Attributes:
        version: that was published; None when the gate refused it.
        verdict: of the gate; None when nothing was current before.
        metrics: on the photos kept apart, for `all` and by kind.
        warnings: written in the manifest.
    """

    version: str | None
    verdict: Verdict | None
    metrics: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...]


def build(settings: BuildSettings, console: Console, spark: SparkSession | None = None) -> Outcome:
    """Build a bundle from corpora and publish it.

    Args:
        settings: what to build from, and where to.
        console: what a person sees.
        spark: a session to use and leave running; one is started and stopped if None.

    Raises:
        CorpusError: nothing to build from.
        RegionRefused: the store, the features or a corpus would lie outside the European Union.
        FruitsError: what was asked for cannot be done.
    """
    store = _open_places(settings)
    network = find_network(settings.network, settings.feature_tensor, settings.weights)
    through_hadoop = any(uses_hadoop(uri, settings.reader) for uri in settings.corpora)
    sources = None if through_hadoop else _list(settings, console, None)

    def run(session: SparkSession) -> Outcome:
        with out_of_memory.explained(session):
            listed = sources or _list(settings, console, session)
            return _build(settings, console, session, store, network, listed)

    if spark is not None:
        return run(spark)
    with console.step("start Spark"):
        spark = start_session(settings.master)
    try:
        return run(spark)
    finally:
        spark.stop()


def _open_places(settings: BuildSettings) -> Store:
    """Give the store, after every place that the build would write to or read from may be used.

    A build takes hours; what is refused is refused before it has begun.
    """
    for uri in settings.corpora:
        if uses_hadoop(uri, settings.reader):
            check_address(uri)
    for uri in filter(is_s3, (*settings.corpora, settings.features_uri)):
        open_location(uri, settings.s3)
    return open_store(settings.store, settings.s3)


def _list(settings: BuildSettings, console: Console, spark: SparkSession | None) -> Sources:
    with console.step("list photos"):
        sources = find_sources(settings, spark)
    _check_sources(sources, console)
    return sources


def _build(
    settings: BuildSettings,
    console: Console,
    spark: SparkSession,
    store: Store,
    network: Network,
    sources: Sources,
) -> Outcome:
    current = store.current()
    with console.step("embed") as progress:
        embedded = embed_photos(spark, sources, network.data, network.feature_tensor, settings, progress)
    _check_rejects(embedded.result, len(sources.photos), settings.max_rejects, console)
    count = len(embedded.sources.photos)
    with console.step("fit PCA", count):
        projection = fit_pca(
            embedded.result.embeddings, embedded.result.d_cnn, settings.components, settings.whitening
        )
    with console.step("project", count):
        photos = Projected.of(embedded, projection)
    with console.step("index and decide", count):
        described = network.describe(Embedder.load(network.data, network.feature_tensor))
        learned = learn(photos, Catalogue.default().families, described["sha256"], settings.neighbours)
    metrics = measure_kinds(learned.answered) if learned.answered else {}
    comparison: Comparison | None = None
    if current is not None:
        with console.step("compare with the current bundle"):
            comparison = compare_with_current(store, current, photos, learned, settings)
        console.say(comparison.verdict.text)
    with tempfile.TemporaryDirectory(prefix="fruits-bundle-") as temporary:
        folder = Path(temporary)
        description = bundle_writer.describe(photos, learned, described, metrics, _notes(comparison))
        with console.step("write"):
            baseline = comparison.current if comparison else None
            with disk_errors(f"writing the bundle to {folder}"):
                bundle_writer.write(folder, photos, learned, network, description, baseline, console.steps)
            manifest = seal(folder, description, now=_time_of_build(current, console))
        refused = comparison is not None and comparison.verdict.refused and not settings.force
        if not refused:
            with console.step("publish"):
                store.publish(folder, current)
    for warning in description["warnings"]:
        console.warn(warning)
    verdict = comparison.verdict if comparison else None
    return Outcome(None if refused else manifest.version, verdict, metrics, tuple(description["warnings"]))


def _time_of_build(current: Pointer | None, console: Console) -> datetime:
    """Give a time later than the current bundle's, whatever the clock says: versions are in the order in
    which they were published, and `bundles rollback` goes by it.
    """
    now = datetime.now(UTC)
    if current is None:
        return now
    after = time_after(current.version, now)
    if after > now:
        console.warn(
            f"the clock says {now:%Y-%m-%d %H:%M:%S} UTC, which is not after the current bundle "
            f"{current.version}; the new one is dated a second after it. Set this machine's clock"
        )
    return after


def _check_sources(sources: Sources, console: Console) -> None:
    fruits = sorted(fruit for fruit in sources.counts if fruit != NOT_FRUIT)
    negatives = sources.counts.get(NOT_FRUIT, 0)
    console.say(
        f"{len(sources.photos):,} photos: {len(fruits)} fruits, and {negatives:,} photos that show none"
    )
    check_two_fruits(fruits)


def _check_rejects(result: EmbeddingResult, photos: int, max_rejects: float, console: Console) -> None:
    console.say(
        f"{result.embedded:,} photos embedded, {result.reused:,} found in the feature store, "
        f"{len(result.rejects):,} unusable"
    )
    for code, count in Counter(reject.code for reject in result.rejects).most_common():
        example = next(reject.photo.path for reject in result.rejects if reject.code == code)
        console.warn(f"{count} photos are {code}, such as {example}")
    if len(result.rejects) > max_rejects * photos:
        raise CorpusError(
            f"{len(result.rejects)} of {photos} photos are unusable, more than {max_rejects:.0%}. Mend the "
            "corpus, or raise --max-rejects."
        )


def _notes(comparison: Comparison | None) -> list[str]:
    return [comparison.verdict.text] if comparison is not None and comparison.verdict.new_top1 is None else []
