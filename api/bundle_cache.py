"""What this machine keeps of one store: fetched bundles, and a note of the last one that could be served.

    <cache>/<store>/<version>/...      a fetched bundle
    <cache>/<store>/last-good.json     where the last bundle lies that was verified, loaded and warmed

Several workers share it. A bundle moves into place whole (models/store_s3.py); whoever fetches and reads one
holds the folder's lock together with others, and whoever removes old ones holds it alone.
"""

import fcntl
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models.bundle import is_version
from models.disk import remove_folder, replace_file

log = logging.getLogger(__name__)
LAST_GOOD = "last-good.json"
_READABLE_CHARACTERS = 60


class BundleCache:
    """The part of the cache that belongs to one store."""

    def __init__(self, cache: Path, store: str, endpoint: str | None = None) -> None:
        """Take the folder of all stores, and the address and S3 endpoint that tell this one from others."""
        readable = re.sub(r"[^a-z0-9]+", "-", store.lower()).strip("-")[-_READABLE_CHARACTERS:]
        digest = hashlib.sha256(f"{store}\n{endpoint or ''}".encode()).hexdigest()[:8]
        self.folder = cache / f"{readable}-{digest}"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep other workers from removing bundles while one is fetched and read."""
        # No lock where the folder can't be made: then nothing lies in it either.
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = self._open()
        try:
            if descriptor is not None:
                with suppress(OSError):  # a file system without locks: then nothing can be pruned either
                    fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def last_good(self) -> Path | None:
        """Give the folder of the last bundle that could be served; None without one, or without its note."""
        try:
            noted = json.loads((self.folder / LAST_GOOD).read_text("utf-8"))
            # A bundle outside the cache, in a local store, is noted with its whole path, which wins here.
            folder = self.folder / noted["folder"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("%s cannot be read: %s", self.folder / LAST_GOOD, error)
            return None
        return folder if folder.is_dir() else None

    def remember(self, bundle: Path) -> None:
        """Note a bundle as the last good one; call it while `in_use`, or it may be removed before."""
        if self.last_good() == bundle:
            return
        inside = bundle.parent == self.folder
        note = json.dumps({"folder": bundle.name if inside else str(bundle)})
        try:
            replace_file(self.folder / LAST_GOOD, note.encode())
        except OSError as error:
            log.warning(
                "%s cannot be written: %s. A restart without the store would have no bundle to serve; "
                "set FRUITS_CACHE to a folder that can be written.",
                self.folder / LAST_GOOD,
                error.strerror,
            )

    def prune(self, current: str) -> None:
        """Remove fetched bundles but the current and the last good one.

        While another worker reads one nothing is removed: it prunes when it is done.
        """
        descriptor = self._open()
        if descriptor is None:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            last_good = self.last_good()
            keep = {current, last_good.name if last_good else current}
            for entry in list(self.folder.iterdir()):
                if is_version(entry.name) and entry.name not in keep:
                    remove_folder(entry)
        except BlockingIOError:
            pass
        except OSError as error:
            log.warning("old bundles in %s cannot be removed: %s", self.folder, error.strerror)
        finally:
            os.close(descriptor)

    def _open(self) -> int | None:
        try:
            return os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None
