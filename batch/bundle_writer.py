"""Lays a bundle out in a folder, ready to be sealed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from batch.corpus import CorpusPhoto
from batch.learning import Learned
from batch.networks import Network
from batch.projected import Projected
from batch.report import ReportData, Step, render
from models.catalogue import Catalogue

Metrics = Mapping[str, Mapping[str, Any]]
_REJECTS_SHOWN = 20


def describe(
    photos: Projected, learned: Learned, network: Mapping[str, Any], metrics: Metrics, notes: Sequence[str]
) -> dict[str, Any]:
    """Everything that the manifest says beside hashes and times."""
    sources, thresholds = photos.photos.sources, learned.decision.thresholds
    warnings = [*learned.warnings, *notes]
    if sources.new_fruits:
        warnings.append(f"Fruits that the catalogue does not know: {', '.join(sources.new_fruits)}.")
    return {
        "network": dict(network),
        "d_cnn": photos.projection.d_cnn,
        "d_pca": photos.projection.d_pca,
        "explained_variance": round(min(1.0, float(photos.projection.explained_variance_ratio.sum())), 6),
        "counts": dict(sorted(Counter(label.fruit for label in learned.rows.labels).items())),
        "corpora": [uri.rstrip("/").rsplit("/", 1)[-1] for uri in sources.corpora],
        "calibration": learned.calibration,
        "thresholds": thresholds.as_dict(),
        "metrics": {kind: dict(figures) for kind, figures in metrics.items()},
        "index": learned.index.description
        | {"rows": len(learned.rows), "rows_kept_apart": sum(learned.rows.kept_apart)},
        "warnings": warnings,
    }


def write(
    folder: Path,
    photos: Projected,
    learned: Learned,
    network: Network,
    description: Mapping[str, Any],
    baseline: Metrics | None,
    steps: Sequence[Step],
) -> None:
    """Write every file of the bundle but its manifest."""
    catalogue = Catalogue.default().with_fruits(learned.decision.fruits, learned.decision.varieties)
    (folder / "network.tflite").write_bytes(network.data)
    (folder / "projection.npz").write_bytes(photos.projection.to_npz())
    (folder / "index.faiss").write_bytes(learned.index.neighbours.to_bytes())
    (folder / "decision.npz").write_bytes(learned.decision.to_npz())
    (folder / "rows.parquet").write_bytes(learned.rows.to_parquet())
    (folder / "catalogue.json").write_text(catalogue.to_json(), "utf-8")
    rejects = photos.photos.result.rejects
    data = ReportData(
        title=f"{len(learned.rows):,} photos of {len(learned.decision.fruits)} fruits",
        network=network.name,
        d_cnn=photos.projection.d_cnn,
        d_pca=photos.projection.d_pca,
        corpora=description["corpora"],
        explained_variance_ratio=photos.projection.explained_variance_ratio,
        counts=description["counts"],
        vectors=photos.vectors[learned.indexed],
        fruits=[label.fruit for label in learned.rows.labels],
        held_out=learned.answered,
        metrics=description["metrics"],
        baseline=baseline,
        rejects=Counter(reject.code for reject in rejects),
        reject_examples=[(_address(reject.photo), reject.code) for reject in rejects[:_REJECTS_SHOWN]],
        new_fruits=photos.photos.sources.new_fruits,
        warnings=description["warnings"],
        steps=steps,
        index=description["index"],
        calibration=learned.calibration,
        thresholds=description["thresholds"],
        names={fruit: catalogue.name(fruit, "en") for fruit in learned.decision.fruits},
    )
    (folder / "report.html").write_text(render(data), "utf-8")


def _address(photo: CorpusPhoto) -> str:
    return f"{photo.corpus.rstrip('/').rsplit('/', 1)[-1]}/{photo.path}"
