"""What is particular to a store in a folder: races, limits and full disks."""

import contextlib
import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.bundle import verify
from models.errors import (
    BundleCorrupt,
    PublishConflict,
    StoreFull,
    StoreUnavailable,
)
from models.store import Pointer, Store, open_store
from tests.sealed_bundle import write_bundle
from tests.stores import leftovers, line_of, python


def test_a_local_store_hands_out_its_own_folder(
    folder_store: Store, built: list[Path], tmp_path: Path
) -> None:
    pointer = folder_store.publish(built[0], None)
    assert folder_store.fetch(pointer.version, tmp_path / "cache") == Path(folder_store.uri) / pointer.version
    assert not (tmp_path / "cache").exists()


def test_the_etag_of_a_local_pointer_is_the_hash_of_its_bytes(folder_store: Store, built: list[Path]) -> None:
    pointer = folder_store.publish(built[0], None)
    data = (Path(folder_store.uri) / "current.json").read_bytes()
    assert pointer.etag == hashlib.sha256(data).hexdigest()


def test_a_pointer_file_that_was_not_replaced_is_not_read_again(
    folder_store: Store, built: list[Path]
) -> None:
    folder_store.publish(built[0], None)
    known = folder_store.current()
    path = Path(folder_store.uri) / "current.json"
    before, data = path.stat(), path.read_bytes()
    path.write_bytes(data.replace(data[-10:-2], b"otherone"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert folder_store.current(known) is known
    assert folder_store.current() != known
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert folder_store.current(known) != known


def test_the_first_publication_makes_the_folder(tmp_path: Path, built: list[Path]) -> None:
    store = open_store((tmp_path / "a" / "b c").as_uri())
    assert not (tmp_path / "a").exists()
    store.publish(built[0], None)
    assert (tmp_path / "a" / "b c" / "current.json").is_file()


def test_a_store_below_a_file_is_unavailable(tmp_path: Path, built: list[Path]) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = open_store(str(tmp_path / "file" / "store"))
    with pytest.raises(StoreUnavailable, match="reading"):
        store.current()
    with pytest.raises(StoreUnavailable):
        store.publish(built[0], None)


def test_a_damaged_folder_of_the_same_version_is_not_taken_for_published(
    folder_store: Store, built: list[Path]
) -> None:
    first = folder_store.publish(built[0], None)
    (Path(folder_store.uri) / first.version / "index.faiss").write_bytes(b"damaged")
    with pytest.raises(BundleCorrupt, match=r"index\.faiss"):
        folder_store.publish(built[0], first)


def test_of_many_publishers_exactly_one_wins_each_round(folder_store: Store, tmp_path: Path) -> None:
    folders = [tmp_path / f"rival-{seed}" for seed in range(16)]
    for seed, folder in enumerate(folders):
        write_bundle(folder, seed)
    current = None
    for _ in range(5):
        current = _race(folder_store, folders, current)
        assert folder_store.current() == current


def _race(store: Store, folders: list[Path], expected: Pointer | None) -> Pointer:
    start = threading.Barrier(len(folders))

    def publish(folder: Path) -> Pointer | PublishConflict:
        start.wait()
        try:
            return store.publish(folder, expected)
        except PublishConflict as conflict:
            return conflict

    with ThreadPoolExecutor(len(folders)) as pool:
        outcomes = list(pool.map(publish, folders))
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Pointer)]
    return winner


RIVAL = """
import sys
from pathlib import Path
from models.errors import PublishConflict
from models.store import open_store
store = open_store(sys.argv[1])
expected = store.current()
print("ready", flush=True)
sys.stdin.readline()
try:
    print(store.publish(Path(sys.argv[2]), expected).version)
except PublishConflict:
    print("conflict")
"""


def test_of_many_processes_exactly_one_wins(folder_store: Store, built: list[Path], tmp_path: Path) -> None:
    first = folder_store.publish(built[0], None)
    with contextlib.ExitStack() as stack:
        rivals = [
            stack.enter_context(python(RIVAL, folder_store.uri, str(built[1 + index % 2])))
            for index in range(6)
        ]
        assert [line_of(rival) for rival in rivals] == ["ready"] * 6
        for rival in rivals:
            assert rival.stdin is not None
            rival.stdin.write("go\n")
            rival.stdin.flush()
        outcomes = [line_of(rival) for rival in rivals]
    assert outcomes.count("conflict") == 5
    current = folder_store.current()
    assert current is not None
    assert current != first
    assert current.version in outcomes


CRAMPED = """
import resource, sys
from pathlib import Path
from models.errors import StoreFull
from models.store import open_store
store = open_store(sys.argv[1])
expected = store.current()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    store.publish(Path(sys.argv[2]), expected)
except StoreFull as error:
    print(error)
"""


@pytest.mark.parametrize("limit_bytes", [10, 1000])
def test_a_write_that_meets_a_limit_leaves_the_old_bundle_current(
    folder_store: Store, built: list[Path], limit_bytes: int
) -> None:
    first = folder_store.publish(built[0], None)
    with python(CRAMPED, folder_store.uri, str(built[1]), str(limit_bytes)) as publisher:
        said, _ = publisher.communicate()
    assert "no room left" in said
    assert folder_store.current() == first
    assert folder_store.versions() == [first.version]
    assert leftovers(Path(folder_store.uri)) == []


def test_a_pointer_that_meets_a_limit_stays_as_it_was(folder_store: Store, built: list[Path]) -> None:
    first = folder_store.publish(built[0], None)
    folder_store._add(built[1], verify(built[1]))
    with python(CRAMPED, folder_store.uri, str(built[1]), "10") as publisher:
        said, _ = publisher.communicate()
    assert "current.json" in said
    assert folder_store.current() == first
    assert leftovers(Path(folder_store.uri)) == []


def test_a_full_disk_leaves_the_old_bundle_current(
    small_disk: Path, built: list[Path], tmp_path: Path
) -> None:
    store = open_store(str(small_disk / "store"))
    first = store.publish(built[0], None)
    write_bundle(tmp_path / "large", seed=7, file_bytes=20_000)
    with pytest.raises(StoreFull, match="no room left"):
        store.publish(tmp_path / "large", first)
    assert store.current() == first
    assert store.versions() == [first.version]
    assert leftovers(small_disk / "store") == []
    assert store.publish(built[1], first) == store.current()
