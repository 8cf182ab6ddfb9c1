"""A store on S3 or a compatible server: conditional writes of the pointer, every byte checked both ways.

    <version>/manifest.json.claim    written first: the manifest that the files of this version belong to
    <version>/...                    the files
    <version>/manifest.json          written last: the bundle is whole

Two builds that end in the same second with the same content may differ in their reports, and have the same
version. Whoever writes the claim first owns the version, so that files of the other never come between.
"""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.exceptions import AlreadyExistsError, NotModifiedError, PreconditionError

from models.bucket_objects import BucketObjects, in_parallel
from models.bundle import verify
from models.disk import disk_errors, move_into_place, partial_folder, remove_folder
from models.errors import (
    BundleCorrupt,
    BundleError,
    FruitsError,
    LocationMissing,
    StoreError,
    StoreUnavailable,
)
from models.locations import Location
from models.manifest import MANIFEST, Manifest, is_version
from models.store_base import POINTER, Pointer, Store, parse_pointer, pointer_bytes

if TYPE_CHECKING:
    from obstore import PutMode

_CLAIM = f"{MANIFEST}.claim"
_NO_ETAG = '"00000000000000000000000000000000"'


class BucketStore(Store):
    """Bundles below a prefix of a bucket."""

    def __init__(self, location: Location) -> None:
        """Take an open location on S3."""
        self.uri = location.uri
        self._objects = BucketObjects(location)

    def current(self, known: Pointer | None = None) -> Pointer | None:
        """Read the pointer, unless it has the ETag that is known; its etag is the one that S3 gave."""
        try:
            found = self._objects.read(POINTER, known.etag if known else None)
        except NotModifiedError:
            return known
        return parse_pointer(*found, self.uri) if found else None

    def versions(self) -> list[str]:
        """List the complete bundles, oldest first."""
        names = [name for name in self._objects.folders() if is_version(name)]
        complete = in_parallel(lambda name: self._objects.exists(f"{name}/{MANIFEST}"), names)
        return [name for name, whole in zip(names, complete, strict=True) if whole]

    def fetch(self, version: str, cache: Path) -> Path:
        """Download a bundle into `cache/<version>`, unless it is there and whole already."""
        final = cache / self._known(version)
        with disk_errors(f"fetching {self.uri}/{version} into {cache}"):
            cache.mkdir(parents=True, exist_ok=True)
            if _is_whole(final, version):
                return final
            manifest_bytes, manifest = self._manifest(version)
            with partial_folder(final) as partial:
                in_parallel(
                    lambda file: self._objects.download(f"{version}/{file[0]}", file[1], partial / file[0]),
                    manifest.files.items(),
                )
                (partial / MANIFEST).write_bytes(manifest_bytes)
                verify(partial)
                while not move_into_place(partial, final) and not _is_whole(final, version):
                    remove_folder(final)
        return final

    def _add(self, folder: Path, manifest: Manifest) -> None:
        version, sealed = manifest.version, (folder / MANIFEST).read_bytes()
        if not self._holds(version, sealed):
            self._claim(version, sealed)
            in_parallel(lambda name: self._objects.put(f"{version}/{name}", folder / name), manifest.files)
            self._objects.put(f"{version}/{MANIFEST}", sealed)
        self._check(version)

    def _holds(self, version: str, sealed: bytes) -> bool:
        """Tell whether the bundle with this manifest is complete.

        Raises:
            StoreError: another one of that version is.
        """
        found = self._objects.read(f"{version}/{MANIFEST}")
        if found and found[0] != sealed:
            raise self._other_content(version)
        return found is not None

    def _claim(self, version: str, sealed: bytes) -> None:
        """Make sure that nobody uploads another bundle under the same version.

        Raises:
            StoreError: somebody does, or the server ignores conditions.
        """
        path = f"{version}/{_CLAIM}"
        try:
            self._objects.put(path, sealed, "create")
        except AlreadyExistsError:
            found = self._objects.read(path)
            if found is None or found[0] != sealed:
                raise self._other_content(version) from None
        conditions: tuple[PutMode, ...] = ("create", {"e_tag": _NO_ETAG})
        for condition in conditions:
            with suppress(AlreadyExistsError, PreconditionError):
                self._objects.put(path, sealed, condition)
                raise StoreError(
                    f"{self.uri}: the server ignores the conditions If-None-Match and If-Match, so that two "
                    "publishers could mix their bundles; use a server that honours them"
                )

    def _check(self, version: str) -> None:
        _, manifest = self._manifest(version)
        in_parallel(lambda file: self._objects.check(f"{version}/{file[0]}", file[1]), manifest.files.items())

    def _point(self, version: str, expected: Pointer | None) -> Pointer:
        data = pointer_bytes(version)
        try:
            return Pointer(version, self._move(data, expected))
        except (AlreadyExistsError, PreconditionError, LocationMissing, StoreUnavailable) as error:
            found = self._after_all(version)
            if found and found[0] == data:  # our own write, whose answer was lost
                return Pointer(version, found[1])
            pointer = parse_pointer(*found, self.uri) if found else None
            if pointer == expected and isinstance(error, FruitsError):
                raise
            raise self._conflict(pointer) from error

    def _after_all(self, version: str) -> tuple[bytes, str] | None:
        """Read the pointer after a write of it that did not go as it should."""
        try:
            return self._objects.read(POINTER)
        except StoreUnavailable as error:
            raise StoreUnavailable(
                f"{error}. Whether {version} was made current is not known; `bundles list` tells once the "
                "store answers"
            ) from error

    def _move(self, data: bytes, expected: Pointer | None) -> str:
        """Write the pointer, on condition, and give its ETag."""
        if expected is None:
            return self._objects.put(POINTER, data, "create")
        try:
            return self._objects.put(POINTER, data, {"e_tag": expected.etag})
        except PreconditionError:
            # Ceph 16 compares If-Match with its own ETag without the quotes that HTTP asks for: there, no
            # well-formed condition ever holds. The other spelling is as much of a condition.
            if self.current() != expected:
                raise
            return self._objects.put(POINTER, data, {"e_tag": expected.etag.strip('"')})

    def _manifest(self, version: str) -> tuple[bytes, Manifest]:
        found = self._objects.read(f"{version}/{MANIFEST}")
        if found is None:
            raise self._missing(version)
        try:
            manifest = Manifest.from_json(found[0].decode())
        except UnicodeDecodeError as error:
            raise BundleCorrupt(f"{self.uri}/{version}/{MANIFEST} is not UTF-8") from error
        if manifest.version != version:
            raise BundleCorrupt(f"{self.uri}/{version}/{MANIFEST} is that of {manifest.version}")
        return found[0], manifest

    def _other_content(self, version: str) -> StoreError:
        return StoreError(
            f"{self.uri}/{version} is there already, or being uploaded, with other content; "
            "build again for a new version"
        )


def _is_whole(folder: Path, version: str) -> bool:
    try:
        return verify(folder).version == version
    except BundleError:
        return False
