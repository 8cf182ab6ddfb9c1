"""What every bench may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.bundle import Manifest, read_manifest
from models.locations import S3Options
from models.manifest import MANIFEST
from models.store import open_store
from tests.bench.settings import BenchSettings
from tests.bench.table import ROOT


@dataclass(frozen=True)
class Measured:
    """The bundle that is measured.

    Attributes:
        folder: it lies there.
        manifest: of it.
        environ: what makes the API serve it.
    """

    folder: Path
    manifest: Manifest
    environ: Mapping[str, str]

    @property
    def name(self) -> str:
        """What to call it in a table."""
        return f"{self.manifest.network['name']}, bundle {self.manifest.version}"


@pytest.fixture(scope="session")
def asked() -> BenchSettings:
    """Give the settings of this run."""
    return BenchSettings.from_environ()


@pytest.fixture(scope="session")
def bench_folder() -> Path:
    """Give a folder that lasts from run to run and is left out of version control."""
    folder = ROOT / "work" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def measured(
    asked: BenchSettings, default_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Measured:
    """Give the default bundle, or the current one of another store."""
    if asked.store:
        store = open_store(asked.store, S3Options())
        pointer = store.current()
        assert pointer, f"{asked.store} has no current bundle"
        folder = store.fetch(pointer.version, tmp_path_factory.mktemp("bundles"))
        return Measured(folder, read_manifest(folder), {"FRUITS_STORE": asked.store})
    if not (default_bundle / MANIFEST).is_file():
        pytest.skip("needs the default bundle")
    return Measured(default_bundle, read_manifest(default_bundle), {})
