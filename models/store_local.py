"""A store in a local folder: an exclusive lock, compare, write, fsync, rename."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.bundle import read_manifest, verify
from models.disk import copy_synced, disk_errors, move_into_place, partial_folder, replace_file
from models.errors import BundleCorrupt, StoreError
from models.manifest import MANIFEST, MAX_MANIFEST_BYTES, Manifest, is_version
from models.store_base import POINTER, Pointer, Store, parse_pointer, pointer_bytes

_LOCK = ".lock"
_FileState = tuple[int, int, int]


class FolderStore(Store):
    """Bundles below a local folder, which the first publication makes."""

    def __init__(self, folder: Path) -> None:
        """Take the store's folder, which need not exist yet."""
        self.folder = folder
        self.uri = str(folder)
        self._last_read: tuple[Pointer, _FileState] | None = None

    def current(self, known: Pointer | None = None) -> Pointer | None:
        """Read the pointer; its etag is the SHA-256 of its bytes.

        What is known counts as unchanged while the file is the one that was read, by inode, time and length.
        """
        path = self.folder / POINTER
        with disk_errors(f"reading {path}"):
            try:
                if known is not None and self._last_read == (known, _state(path.stat())):
                    return known
                with path.open("rb") as file:
                    state, data = _state(os.fstat(file.fileno())), file.read(MAX_MANIFEST_BYTES)
            except FileNotFoundError:
                return None
        pointer = parse_pointer(data, hashlib.sha256(data).hexdigest(), self.uri)
        self._last_read = (pointer, state)
        return pointer

    def versions(self) -> list[str]:
        """List the complete bundles, oldest first."""
        with disk_errors(f"listing {self.folder}"):
            if not self.folder.exists():
                return []
            names = [entry.name for entry in self.folder.iterdir() if is_version(entry.name)]
            return sorted(name for name in names if (self.folder / name / MANIFEST).is_file())

    def fetch(self, version: str, cache: Path) -> Path:  # noqa: ARG002 - remote stores need it
        """Verify a bundle where it lies and give its folder; `cache` is not used."""
        self._check(self._known(version))
        return self.folder / version

    def _add(self, folder: Path, manifest: Manifest) -> None:
        final = self.folder / manifest.version
        with disk_errors(f"publishing to {final}"):
            self.folder.mkdir(parents=True, exist_ok=True)
            if not final.exists():
                with partial_folder(final) as partial:
                    for name in (*manifest.files, MANIFEST):
                        copy_synced(folder / name, partial / name)
                    verify(partial)
                    move_into_place(partial, final)
        if verify(final) != manifest:
            raise StoreError(f"{final} is there already with other content; build again for a new version")

    def _check(self, version: str) -> None:
        folder = self.folder / version
        if not folder.is_dir():
            raise self._missing(version)
        if (found := read_manifest(folder).version) != version:
            raise BundleCorrupt(f"{folder / MANIFEST} is that of {found}; remove that folder")
        verify(folder)

    def _point(self, version: str, expected: Pointer | None) -> Pointer:
        data = pointer_bytes(version)
        with disk_errors(f"writing {self.folder / POINTER}"), self._locked():
            found = self.current()
            if found != expected:
                raise self._conflict(found)
            replace_file(self.folder / POINTER, data)
        return Pointer(version, hashlib.sha256(data).hexdigest())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _state(stat: os.stat_result) -> _FileState:
    """Tell one file from another that took its place."""
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
