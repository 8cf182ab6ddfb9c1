"""What every bench may ask for."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.bundle import Manifest, read_manifest
from models.locations import S3Options
from models.manifest import MANIFEST
from models.store import open_store
from tests.bench import speed_rows
from tests.bench.settings import BenchSettings
from tests.bench.table import ROOT, show
from tests.marked_blocks import replace_block


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


_started = pytest.StashKey[float]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_started] = time.time()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Print the rows of this run as one table; write all rows measured so far to docs/benchmarks.md."""
    if new := speed_rows.saved(session.config.stash.get(_started, time.time())):
        lines = [line for row, _ in new for line in speed_rows.cells(row)]
        show("Speed, side by side", speed_rows.HEADINGS, lines, left=(0, 1, 4, 5))
        replace_block(speed_rows.page(), "speed", speed_rows.as_markdown(speed_rows.saved()))
