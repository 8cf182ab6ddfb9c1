"""Writes to a local disk so that a crash leaves either the old state or the new one."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models.errors import StoreFull, StoreUnavailable

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_STALE_AFTER_S = 3600
_PARTIAL = ".partial-"


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn the system's errors into the product's; `doing` says what was tried, such as `writing /a/b`.

    Raises:
        StoreFull: no room left, or a quota or size limit was met.
        StoreUnavailable: any other refusal of the system.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _NO_ROOM:
            raise StoreFull(
                f"no room left while {doing} ({reason}); free some space, then run it again"
            ) from error
        raise StoreUnavailable(f"{doing} failed: {reason}; check the path and its permissions") from error


@contextmanager
def partial_folder(final: Path) -> Iterator[Path]:
    """Give a new hidden folder beside `final` to fill; what is left of it afterwards is removed.

    Leftovers of killed programs are removed as well, once they are an hour old.
    """
    _remove_stale(final)
    folder = _partial(final)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move_into_place(folder: Path, final: Path) -> bool:
    """Rename a filled folder to its final name; False where a folder of that name is there already."""
    sync_folder(folder)
    try:
        folder.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    sync_folder(final.parent)
    return True


def remove_folder(folder: Path) -> None:
    """Remove a folder so that nobody sees it half removed; it may be gone already."""
    aside = _partial(folder)
    with suppress(FileNotFoundError):
        folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def copy_synced(source: Path, target: Path) -> None:
    """Copy a file's bytes and wait until the disk has them."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file at once: a reader sees the old bytes or the new ones."""
    partial = _partial(path)
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _partial(final: Path) -> Path:
    return final.parent / f".{final.name}{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}"


def _remove_stale(final: Path) -> None:
    oldest = time.time() - _STALE_AFTER_S
    for left in final.parent.glob(f".*{_PARTIAL}*"):
        try:
            stale = left.stat().st_mtime < oldest
        except FileNotFoundError:
            continue
        if stale and left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        elif stale:
            left.unlink(missing_ok=True)
