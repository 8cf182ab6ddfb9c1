"""Accuracy that stands beside speed: top-1 of the classic recipe and of the default bundle, each on the
photos that its build kept apart.
"""

from pathlib import Path

from models.bundle import Manifest, read_manifest
from models.locations import S3Options
from models.store import open_store


def of_ours(manifest: Manifest) -> str:
    """Say what the bundle's manifest measured on photos kept apart."""
    figures = manifest.metrics["all"]
    return f"{100 * figures['top1']:.1f} % of {figures['photos']:,} photos kept apart"


def of_classic(bench_folder: Path) -> str:
    """Say what the accuracy bench's build of the classic recipe measured, where one is kept."""
    store = bench_folder / "classic"
    pointer = open_store(str(store), S3Options()).current() if store.is_dir() else None
    if pointer is None:
        return 'not built here (ARGS="-k accuracy" does)'
    return of_ours(read_manifest(store / pointer.version))
