"""A store on S3 or a compatible server: conditional writes of the pointer, verified downloads."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from models.bundle import verify
from models.disk import disk_errors, move_into_place, partial_folder, remove_folder
from models.errors import BundleCorrupt, BundleError, LocationMissing, StoreError, StoreUnavailable
from models.locations import Location
from models.manifest import MANIFEST, Manifest, is_version
from models.store_base import POINTER, Pointer, Store, parse_pointer, pointer_bytes

if TYPE_CHECKING:
    from obstore import PutMode

_PARALLEL_TRANSFERS = 4
_CHUNK_BYTES = 4 * 1024 * 1024

_Result = TypeVar("_Result")


class BucketStore(Store):
    """Bundles below a prefix of a bucket."""

    def __init__(self, location: Location) -> None:
        """Take an open location on S3."""
        self.uri = location.uri
        self._objects = location.objects

    def current(self) -> Pointer | None:
        """Read the pointer; its etag is the one that S3 gave."""
        found = self._read(POINTER)
        return parse_pointer(*found, self.uri) if found else None

    def versions(self) -> list[str]:
        """List the complete bundles, oldest first."""
        with self._answered("listing"):
            listing = obstore.list_with_delimiter(self._objects)
        names = sorted(name for name in map(_last_part, listing["common_prefixes"]) if is_version(name))
        complete = _in_parallel(lambda name: self._read(f"{name}/{MANIFEST}") is not None, names)
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
                _in_parallel(lambda name: self._download(f"{version}/{name}", partial / name), manifest.files)
                (partial / MANIFEST).write_bytes(manifest_bytes)
                verify(partial)
                while not move_into_place(partial, final) and not _is_whole(final, version):
                    remove_folder(final)
        return final

    def _add(self, folder: Path, manifest: Manifest) -> None:
        version = manifest.version
        sealed = (folder / MANIFEST).read_bytes()
        if self._read(f"{version}/{MANIFEST}") is None:
            _in_parallel(lambda name: self._put(f"{version}/{name}", folder / name), manifest.files)
            with suppress(AlreadyExistsError):  # a twin was faster: was it the same bundle?
                self._put(f"{version}/{MANIFEST}", sealed, "create")
        if self._manifest(version)[0] != sealed:
            raise StoreError(
                f"{self.uri}/{version} is there already with other content; build again for a new version"
            )
        self._check(version)

    def _check(self, version: str) -> None:
        _, manifest = self._manifest(version)
        with self._answered(f"listing {version}"):
            listed = obstore.list_with_delimiter(self._objects, version)["objects"]
        sizes = {_last_part(entry["path"]): entry["size"] for entry in listed}
        for name, entry in manifest.files.items():
            if (size := sizes.get(name, "no")) != entry.bytes:
                where = f"{self.uri}/{version}/{name}"
                raise BundleCorrupt(f"{where} has {size} bytes, {entry.bytes} were sealed")

    def _point(self, version: str, expected: Pointer | None) -> Pointer:
        data = pointer_bytes(version)
        mode: PutMode = {"e_tag": expected.etag} if expected else "create"
        try:
            etag = self._put(POINTER, data, mode)
        except (AlreadyExistsError, PreconditionError) as error:
            found = self._read(POINTER)
            if found is None or found[0] != data:  # equal: our own write, whose answer was lost and retried
                raise self._conflict(self.current()) from error
            etag = found[1]
        return Pointer(version, etag)

    def _manifest(self, version: str) -> tuple[bytes, Manifest]:
        found = self._read(f"{version}/{MANIFEST}")
        if found is None:
            raise self._missing(version)
        try:
            manifest = Manifest.from_json(found[0].decode())
        except UnicodeDecodeError as error:
            raise BundleCorrupt(f"{self.uri}/{version}/{MANIFEST} is not UTF-8") from error
        if manifest.version != version:
            raise BundleCorrupt(f"{self.uri}/{version}/{MANIFEST} is that of {manifest.version}")
        return found[0], manifest

    def _read(self, path: str) -> tuple[bytes, str] | None:
        with self._answered(f"reading {path}"):
            try:
                answer = obstore.get(self._objects, path)
                return bytes(answer.bytes()), answer.meta["e_tag"] or ""
            except FileNotFoundError:
                return None

    def _put(self, path: str, content: Path | bytes, mode: "PutMode" = "overwrite") -> str:
        with self._answered(f"writing {path}"):
            return obstore.put(self._objects, path, content, mode=mode)["e_tag"] or ""

    def _download(self, path: str, target: Path) -> None:
        with target.open("xb") as file, self._answered(f"reading {path}"):
            try:
                answer = obstore.get(self._objects, path)
            except FileNotFoundError as error:
                raise BundleCorrupt(f"{self.uri}/{path} is missing") from error
            for chunk in answer.stream(_CHUNK_BYTES):
                file.write(chunk)

    @contextmanager
    def _answered(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (AlreadyExistsError, PreconditionError):
            raise
        except FileNotFoundError as error:
            raise LocationMissing(
                f"{self.uri}: {doing} failed: the bucket is gone; check its name"
            ) from error
        except BaseError as error:
            reason = str(error).splitlines()[0]
            raise StoreUnavailable(f"{self.uri}: {doing} failed: {reason}") from error


def _in_parallel(action: Callable[[str], _Result], names: Iterable[str]) -> list[_Result]:
    with ThreadPoolExecutor(_PARALLEL_TRANSFERS) as pool:
        return list(pool.map(action, names))


def _is_whole(folder: Path, version: str) -> bool:
    try:
        return verify(folder).version == version
    except BundleError:
        return False


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
