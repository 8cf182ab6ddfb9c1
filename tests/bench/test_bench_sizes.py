"""How large the repository, the bundle and the packages are."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.bench.conftest import Measured
from tests.bench.packages import sizes_of_api
from tests.bench.table import ROOT, show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

SHOWN = 6
PACKAGES = ("gunicorn", "flask", "ai-edge-litert", "faiss-cpu", "pyarrow", "pillow")
Row = list[str]


def test_sizes(measured: Measured) -> None:
    show(
        f"Sizes: {measured.name}",
        ["what", "figure", "unit", "of"],
        [*of_repository(), *of_bundle(measured), *of_packages()],
        packages=PACKAGES,
        left=(0, 2, 3),
        notes=["MB are 10^6 bytes."],
    )


def megabytes(what: str, size: float, of: str = "") -> Row:
    return [what, f"{size / 1e6:,.2f}", "MB", of]


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def of_repository() -> Iterator[Row]:
    sizes = {
        name: (ROOT / name).stat().st_size for name in git("ls-files").splitlines() if (ROOT / name).is_file()
    }
    yield megabytes("repository: tracked files", sum(sizes.values()), f"{len(sizes)} files")
    for name in sorted(sizes, key=lambda name: -sizes[name])[:SHOWN]:
        yield megabytes(f"  {name}", sizes[name])
    packed = dict(re.findall(r"^(size|size-pack): (\d+)$", git("count-objects", "-v"), re.MULTILINE))
    yield megabytes("repository: history", 1024 * sum(map(int, packed.values())), "all commits, compressed")


def of_bundle(measured: Measured) -> Iterator[Row]:
    files = {path.name: path.stat().st_size for path in measured.folder.iterdir() if path.is_file()}
    assert {name: files[name] for name in measured.manifest.files} == {
        name: entry.bytes for name, entry in measured.manifest.files.items()
    }
    photos = sum(measured.manifest.counts.values())
    yield megabytes("bundle", sum(files.values()), f"{photos:,} photos, {measured.manifest.d_pca} components")
    for name in sorted(files, key=lambda name: -files[name]):
        yield megabytes(f"  {name}", files[name])


def of_packages() -> Iterator[Row]:
    sizes = sizes_of_api()
    yield megabytes("packages of the API, installed", sum(sizes.values()), f"{len(sizes)} packages")
    for name in sorted(sizes, key=lambda name: -sizes[name])[:SHOWN]:
        yield megabytes(f"  {name}", sizes[name])
