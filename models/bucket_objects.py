"""Reads and writes whole objects below a prefix of a bucket: checked, repeated where that helps, and with the
product's own errors.

obstore repeats a request that was refused with 5xx or whose connection broke (with backoff, see
`s3_access`), but not one whose answer breaks off while it is read; everything is therefore tried once more.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    NotModifiedError,
    PreconditionError,
)

from models.errors import BundleCorrupt, LocationMissing, StoreUnavailable
from models.locations import Location
from models.manifest import MAX_MANIFEST_BYTES, FileEntry
from models.masking import reason

if TYPE_CHECKING:
    from obstore import GetOptions, PutMode

_PAUSE_S = 0.2
_PARALLEL_TRANSFERS = 4
_CHUNK_BYTES = 4 * 1024 * 1024
_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 4

_Result = TypeVar("_Result")
_Item = TypeVar("_Item")


class BucketObjects:
    """Objects below a prefix of a bucket.

    Every method raises StoreUnavailable where the endpoint does not answer or refuses, and LocationMissing
    where the bucket is gone.
    """

    def __init__(self, location: Location) -> None:
        """Take an open location on S3."""
        self.uri = location.uri
        self._store = location.objects

    def folders(self) -> list[str]:
        """List the names that a `/` follows, sorted."""
        listed = self._answer("listing", lambda: obstore.list_with_delimiter(self._store))
        return sorted(path.rstrip("/").rpartition("/")[2] for path in listed["common_prefixes"])

    def exists(self, path: str) -> bool:
        """Tell whether an object is there."""
        found = self._answer(f"looking for {path}", lambda: _found(obstore.head, self._store, path))
        return found is not None

    def read(self, path: str, known_etag: str | None = None) -> tuple[bytes, str] | None:
        """Read a small object and its ETag; None where there is none.

        Raises:
            NotModifiedError: its ETag is the one that is known.
            BundleCorrupt: it is far larger than a manifest or a pointer.
        """
        conditions: GetOptions = {"if_none_match": known_etag} if known_etag else {}

        def read_once() -> tuple[bytes, str] | None:
            found = _found(lambda *where: obstore.get(*where, options=conditions), self._store, path)
            if found is None:
                return None
            if (size := found.meta["size"]) > MAX_MANIFEST_BYTES:
                raise BundleCorrupt(
                    f"{self.uri}/{path} has {size} bytes, at most {MAX_MANIFEST_BYTES} were expected"
                )
            return bytes(found.bytes()), found.meta["e_tag"] or ""

        return self._answer(f"reading {path}", read_once)

    def put(self, path: str, content: Path | bytes, mode: "PutMode" = "overwrite") -> str:
        """Write an object, a large one in parts, and give its ETag; each request's bytes are checked by S3.

        Raises:
            AlreadyExistsError, PreconditionError: the condition in `mode` does not hold. It may be this very
                call that saw to that: an answer may be lost, and the request repeated.
        """
        return self._answer(
            f"writing {path}",
            lambda: (
                obstore.put(
                    self._store,
                    path,
                    content,
                    mode=mode,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )["e_tag"]
                or ""
            ),
        )

    def check(self, path: str, sealed: FileEntry) -> None:
        """Read an object to the end and prove that it is what was sealed.

        Raises:
            BundleCorrupt: it is missing, of another length, or altered.
        """
        self._read_sealed(path, sealed, _entry_of)

    def download(self, path: str, sealed: FileEntry, target: Path) -> None:
        """Copy an object to a file and prove that it is what was sealed.

        Raises:
            BundleCorrupt: it is missing, of another length, or altered.
            OSError: the disk refuses.
        """

        def save(chunks: Iterable[bytes]) -> FileEntry:
            with target.open("wb") as file:
                return _entry_of(chunks, file.write)

        self._read_sealed(path, sealed, save)

    def _read_sealed(
        self, path: str, sealed: FileEntry, consume: Callable[[Iterable[bytes]], FileEntry]
    ) -> None:
        """Read an object, a second time where it did not arrive as it was sealed."""

        def read_once() -> FileEntry | None:
            found = _found(obstore.get, self._store, path)
            if found is None:
                return None
            if found.meta["size"] != sealed.bytes:  # not read: it may have any length
                return FileEntry(found.meta["size"], "")
            return consume(map(bytes, found.stream(_CHUNK_BYTES)))

        found = self._answer(f"reading {path}", read_once)
        if found != sealed:
            found = self._answer(f"reading {path} again", read_once)
        if found == sealed:
            return
        where = f"{self.uri}/{path}"
        if found is None:
            raise BundleCorrupt(f"{where} is missing")
        if found.bytes != sealed.bytes:
            raise BundleCorrupt(f"{where} has {found.bytes} bytes, {sealed.bytes} were sealed")
        raise BundleCorrupt(f"{where} was altered: its SHA-256 is not the one that was sealed")

    def _answer(self, doing: str, action: Callable[[], _Result]) -> _Result:
        """Do something, a second time if the first answer was broken, and translate what goes wrong."""
        with self._translated(doing):
            try:
                return action()
            except GenericError:
                time.sleep(_PAUSE_S)
            return action()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (AlreadyExistsError, NotModifiedError, PreconditionError):
            raise
        except FileNotFoundError as error:
            raise LocationMissing(
                f"{self.uri}: {doing} failed: the bucket is gone; check its name"
            ) from error
        except BaseError as error:
            raise StoreUnavailable(f"{self.uri}: {doing} failed: {reason(error)}") from error


def in_parallel(action: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Do something to each of several objects, a few at a time; the first error is raised."""
    with ThreadPoolExecutor(_PARALLEL_TRANSFERS) as pool:
        return list(pool.map(action, items))


def _found(ask: Callable[..., _Result], store: object, path: str) -> _Result | None:
    try:
        return ask(store, path)
    except FileNotFoundError:
        return None


def _entry_of(chunks: Iterable[bytes], keep: Callable[[bytes], object] = len) -> FileEntry:
    """Count and hash bytes on their way to where they are kept."""
    digest, length = hashlib.sha256(), 0
    for chunk in chunks:
        keep(chunk)
        digest.update(chunk)
        length += len(chunk)
    return FileEntry(length, digest.hexdigest())
