"""What a store of bundles does, whatever it lies on.

    <store>/current.json         names the current version
    <store>/<version>/...        one sealed bundle, never changed

Publishing writes the bundle first and the pointer last, and the pointer only if nobody has moved it since the
publisher looked: a crash or a second publisher never leaves half a bundle current.
"""

import json
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.bundle import verify
from models.errors import BundleCorrupt, PublishConflict, VersionMissing
from models.manifest import MANIFEST, Manifest, is_version

POINTER = "current.json"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which version is current; `etag` names this very state of the pointer."""

    version: str
    etag: str


class Store(ABC):
    """Where bundles lie and which one is current.

    Every method raises StoreUnavailable where the folder or the endpoint does not answer.
    """

    uri: str

    @abstractmethod
    def current(self, known: Pointer | None = None) -> Pointer | None:
        """Read the pointer; None while nothing was published.

        Args:
            known: what this call gave before; it is given again, without reading, while nothing has changed.

        Raises:
            BundleCorrupt: the pointer is not what a publisher writes.
        """

    @abstractmethod
    def versions(self) -> list[str]:
        """List the complete bundles, oldest first."""

    @abstractmethod
    def fetch(self, version: str, cache: Path) -> Path:
        """Give a verified local folder with a bundle, kept as `cache/<version>` where the store is remote.

        Raises:
            VersionMissing: no bundle of that version.
            BundleCorrupt, BundleSchemaUnsupported: it cannot be used.
            StoreFull: no room left in the cache.
        """

    def publish(self, folder: Path, expected: Pointer | None) -> Pointer:
        """Add a sealed bundle and make it current.

        Args:
            folder: the sealed bundle; it is verified first.
            expected: what `current()` gave when the build began.

        Raises:
            BundleCorrupt, BundleSchemaUnsupported: the folder is not a sealed bundle.
            PublishConflict: the pointer is not `expected` any more; it was left alone.
            StoreFull: no room left; the pointer was left alone.
            StoreError: that version is there already with other content.
        """
        manifest = verify(folder)
        found = self.current()
        if found != expected:
            raise self._conflict(found)
        self._add(folder, manifest)
        return self._point(manifest.version, expected)

    def promote(self, version: str, expected: Pointer | None) -> Pointer:
        """Make a bundle that is there already the current one.

        Raises:
            VersionMissing: no bundle of that version.
            BundleCorrupt, BundleSchemaUnsupported: it is not whole.
            PublishConflict: the pointer is not `expected` any more; it was left alone.
        """
        self._check(self._known(version))
        return self._point(version, expected)

    @abstractmethod
    def _add(self, folder: Path, manifest: Manifest) -> None:
        """Copy a verified bundle into the store, its manifest last."""

    @abstractmethod
    def _check(self, version: str) -> None:
        """Make sure that a bundle is there and whole."""

    @abstractmethod
    def _point(self, version: str, expected: Pointer | None) -> Pointer:
        """Move the pointer if it still is `expected`."""

    def _known(self, version: str) -> str:
        if not is_version(version):
            raise VersionMissing(f"{version!r} is not a version such as 20261122T181500Z-3f9a1c")
        return version

    def _missing(self, version: str) -> VersionMissing:
        return VersionMissing(
            f"{self.uri} holds no bundle {version}, or one without its {MANIFEST}; `bundles list` shows "
            "those that are there"
        )

    def _conflict(self, found: Pointer | None) -> PublishConflict:
        now = f"points at {found.version}" if found else "is gone"
        return PublishConflict(
            f"somebody else moved {self.uri}/{POINTER} in the meantime: it {now}. Nothing was made current; "
            "look at that version, then publish or promote again"
        )


def pointer_bytes(version: str) -> bytes:
    """Write the pointer's content; a random name makes each publication's bytes, and so its etag, its own."""
    return json.dumps(
        {
            "version": version,
            "published_at": datetime.now(UTC).isoformat(),
            "publication": secrets.token_hex(8),
        }
    ).encode()


def parse_pointer(data: bytes, etag: str, uri: str) -> Pointer:
    """Read the pointer's content.

    Raises:
        BundleCorrupt: it is not what `pointer_bytes` writes.
    """
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raw = None
    version = raw.get("version") if isinstance(raw, dict) else None
    if not isinstance(version, str) or not is_version(version):
        raise BundleCorrupt(
            f"{uri}/{POINTER} names no version; remove it, then `bundles promote` the right version"
        )
    return Pointer(version, etag)
