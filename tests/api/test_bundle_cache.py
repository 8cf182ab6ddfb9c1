"""The cache that the workers of one machine share."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from api.bundle_cache import LAST_GOOD, BundleCache
from models.disk import replace_file
from tests.stores import ROOT, line_of

FIRST, SECOND, THIRD = (f"2026112{day}T181500Z-3f9a1c" for day in (2, 3, 4))
READER = """
import sys
from pathlib import Path
from api.bundle_cache import BundleCache
with BundleCache(Path(sys.argv[1]), "s3://bucket").in_use():
    print("reading", flush=True)
    sys.stdin.readline()
print("done", flush=True)
"""


@pytest.fixture
def cache(tmp_path: Path) -> BundleCache:
    return BundleCache(tmp_path, "s3://bucket")


@pytest.fixture
def keep(cache: BundleCache) -> Callable[[str], Path]:
    """Put a bundle's folder into the cache."""

    def make(version: str) -> Path:
        folder = cache.folder / version
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
        return folder

    return make


def test_stores_do_not_share_a_folder(tmp_path: Path) -> None:
    stores = [
        ("s3://bucket", None),
        ("s3://bucket/a", None),
        ("s3://bucket-a", None),
        ("s3://bucket", "http://127.0.0.1:9000"),
        ("s3://" + "long" * 20 + "/a", None),
    ]
    folders = {BundleCache(tmp_path, *store).folder for store in stores}
    assert len(folders) == len(stores)
    assert {folder.parent for folder in folders} == {tmp_path}
    assert BundleCache(tmp_path, "s3://My-bucket/fruits").folder.name.startswith("s3-my-bucket-fruits-")


def test_the_last_good_bundle_is_found_again_wherever_the_cache_was_moved(
    tmp_path: Path, cache: BundleCache, keep: Callable[[str], Path]
) -> None:
    assert cache.last_good() is None
    with cache.in_use():
        cache.remember(keep(FIRST))
        cache.remember(keep(SECOND))
    assert cache.last_good() == cache.folder / SECOND
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    assert BundleCache(moved, "s3://bucket").last_good() == moved / cache.folder.name / SECOND


def test_a_bundle_outside_the_cache_is_found_too(cache: BundleCache, tmp_path: Path) -> None:
    outside = tmp_path / "store" / FIRST
    outside.mkdir(parents=True)
    with cache.in_use():
        cache.remember(outside)
    assert cache.last_good() == outside


def test_a_bundle_that_is_gone_is_not_the_last_good_one(
    cache: BundleCache, keep: Callable[[str], Path]
) -> None:
    folder = keep(FIRST)
    cache.remember(folder)
    (folder / "manifest.json").unlink()
    folder.rmdir()
    assert cache.last_good() is None


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b'{"folder": 1}', b"\xff", b"null"])
def test_a_damaged_note_is_no_note_and_can_be_written_anew(
    cache: BundleCache, keep: Callable[[str], Path], note: bytes
) -> None:
    folder = keep(FIRST)
    replace_file(cache.folder / LAST_GOOD, note)
    assert cache.last_good() is None
    cache.remember(folder)
    assert cache.last_good() == folder


def test_a_folder_that_cannot_be_written_is_told_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder can be made below a file")
    cache = BundleCache(tmp_path / "file", "s3://bucket")
    with cache.in_use():
        cache.remember(tmp_path / FIRST)
    cache.prune(FIRST)
    assert cache.last_good() is None
    assert "set FRUITS_CACHE to a folder that can be written" in caplog.text


def test_old_bundles_are_removed_but_the_current_and_the_last_good_one(
    cache: BundleCache, keep: Callable[[str], Path]
) -> None:
    for version in (FIRST, SECOND, THIRD):
        keep(version)
    (cache.folder / ".20261122T181500Z-3f9a1c.partial-1-ab").mkdir()  # another worker's, half fetched
    cache.remember(cache.folder / SECOND)
    cache.prune(current=THIRD)
    left = {entry.name for entry in cache.folder.iterdir()}
    assert left == {SECOND, THIRD, LAST_GOOD, ".20261122T181500Z-3f9a1c.partial-1-ab"}


def test_nothing_is_removed_while_another_worker_reads(
    cache: BundleCache, keep: Callable[[str], Path], tmp_path: Path
) -> None:
    old = keep(FIRST)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert line_of(reader) == "reading"
    with cache.in_use():  # readers do not wait for each other
        pass
    cache.prune(current=SECOND)
    assert old.is_dir()
    assert reader.communicate("\n", timeout=60)[0] == "done\n"
    cache.prune(current=SECOND)
    assert not old.exists()


def test_a_reader_waits_while_old_bundles_are_removed(cache: BundleCache, tmp_path: Path) -> None:
    with cache.in_use():
        pass
    descriptor = os.open(cache.folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER + 'print("after", flush=True)', str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        reader.wait(0.5)
    os.close(descriptor)
    assert reader.communicate("\n", timeout=60)[0] == "reading\ndone\nafter\n"
