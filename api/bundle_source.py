"""Where the API's bundles come from: a store that moves on, or the default bundle, which never does."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from PIL import Image

from api.bundle_cache import BundleCache
from api.settings import Settings
from models.bundle import read_manifest
from models.identifier import Identifier
from models.pretrained import DEFAULT_BUNDLE
from models.store import Pointer, Store, open_store


class BundleSource(Protocol):
    """What the live bundle follows; used by one thread.

    Attributes:
        moves: whether another bundle may become current.
    """

    moves: bool

    def last_good(self) -> Identifier | None:
        """Load what was served last on this machine, without asking the store; None where there is nothing.

        Raises:
            FruitsError: it cannot be used any more.
        """

    def current(self) -> Pointer | None:
        """Ask which bundle is current; None while the store is empty.

        Raises:
            FruitsError: the store does not answer, or its pointer is malformed.
        """

    def load(self, version: str) -> Identifier:
        """Fetch, verify, load and warm a bundle.

        Raises:
            FruitsError: the store, the bundle or one of its files is unusable.
        """


class StoreSource:
    """A bundle store, on S3 or in a folder."""

    moves = True

    def __init__(self, uri: str, settings: Settings) -> None:
        """Take the store's address, and from the settings the way there and the cache; open nothing yet."""
        self._uri = uri
        self._s3 = settings.s3
        # The same relative path means another store elsewhere.
        address = uri if "://" in uri else str(Path(uri).absolute())
        self._cache = BundleCache(settings.cache_folder, address, settings.s3_endpoint)
        self._store: Store | None = None
        self._pointer: Pointer | None = None

    def last_good(self) -> Identifier | None:
        """Load the last good bundle of this store from this machine's disk, verified again."""
        with self._cache.in_use():
            folder = self._cache.last_good()
            return None if folder is None else _warmed(Identifier.load(folder))

    def current(self) -> Pointer | None:
        """Ask for the pointer, which is read only where it has changed: one small request."""
        with self._open() as store:
            self._pointer = store.current(self._pointer)
            return self._pointer

    def load(self, version: str) -> Identifier:
        """Fetch a bundle, make it ready, note it as the last good one and remove what nobody needs."""
        try:
            with self._cache.in_use():
                with self._open() as store:
                    folder = store.fetch(version, self._cache.folder)
                identifier = _warmed(Identifier.load(folder, manifest=read_manifest(folder)))
                self._cache.remember(folder)
                return identifier
        finally:
            self._cache.prune(current=version)

    @contextmanager
    def _open(self) -> Iterator[Store]:
        """Give the store, opened once, and anew after an error: credentials and region may be others now."""
        store = self._store or open_store(self._uri, self._s3)
        self._store = None
        yield store
        self._store = store


class DefaultSource:
    """The bundle that comes with the product."""

    moves = False

    def last_good(self) -> Identifier | None:
        """Give None: it is always there."""
        return None

    def current(self) -> Pointer:
        """Name the one version there is."""
        return Pointer(read_manifest(DEFAULT_BUNDLE).version, etag="")

    def load(self, version: str) -> Identifier:  # noqa: ARG002 - there is one
        """Verify, load and warm it."""
        return _warmed(Identifier.load(DEFAULT_BUNDLE))


def bundle_source(settings: Settings) -> BundleSource:
    """Give the configured store, or the default bundle when none is configured."""
    return DefaultSource() if settings.store is None else StoreSource(settings.store, settings)


def _warmed(identifier: Identifier) -> Identifier:
    """Run every step once, before the first user does: this also proves that the bundle can answer."""
    file = io.BytesIO()
    Image.new("RGB", (256, 256), (128, 128, 128)).save(file, "JPEG")
    identifier.identify([file.getvalue()])
    return identifier
