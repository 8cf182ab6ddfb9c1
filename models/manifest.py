"""What a bundle says of itself, read strictly: a manifest that is not exactly as expected is refused."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from models.errors import BundleCorrupt, BundleSchemaUnsupported
from models.json_fields import count_at, object_at, share_at, text_at, texts_at, wrong

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
REPORT = "report.html"
FILES = (
    "network.tflite",
    "projection.npz",
    "index.faiss",
    "decision.npz",
    "rows.parquet",
    "catalogue.json",
    REPORT,
)

MAX_MANIFEST_BYTES = 16_000_000
MAX_FILE_BYTES = {
    "network.tflite": 1_000_000_000,
    "projection.npz": 1_000_000_000,
    "index.faiss": 32_000_000_000,
    "decision.npz": 4_000_000_000,
    "rows.parquet": 4_000_000_000,
    "catalogue.json": 100_000_000,
    REPORT: 100_000_000,
}
"""What a file may have at most: many times what a build of millions of photos writes."""

_CHECKSUM = "checksum"
_TIME_FORM = "%Y%m%dT%H%M%SZ"
_VERSION = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Length in bytes and SHA-256 (64 hexadecimal digits) of one file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        schema_version: layout of the bundle; a reader takes `SCHEMA_VERSION` and no other.
        version: UTC time of the build and the first 6 hexadecimal digits of the content hash.
        created_at: the same time in ISO 8601, to the second.
        network: name, sha256, input_size (pixels), feature_tensor (None: the output), preprocessing.
        d_cnn: length of an embedding.
        d_pca: length of a projected embedding.
        explained_variance: share of the variance that the projection keeps, 0 to 1.
        counts: photographs in the index, by fruit id.
        corpora: where the photographs came from.
        calibration: how the scores were calibrated.
        thresholds: limits of the decision.
        metrics: measured on the held-out part.
        index: kind of the neighbour index and its recall.
        warnings: what the build wants its reader to know.
        files: every file of the bundle but the manifest itself.
    """

    schema_version: int
    version: str
    created_at: str
    network: Mapping[str, Any]
    d_cnn: int
    d_pca: int
    explained_variance: float
    counts: Mapping[str, int]
    corpora: tuple[str, ...]
    calibration: Mapping[str, Any]
    thresholds: Mapping[str, Any]
    metrics: Mapping[str, Any]
    index: Mapping[str, Any]
    warnings: tuple[str, ...]
    files: Mapping[str, FileEntry]

    def to_json(self) -> str:
        """Write the manifest and the checksum of what it says; the same manifest gives the same text.

        Raises:
            BundleCorrupt: a number is not finite or a value has no place in JSON.
        """
        content = asdict(self)
        try:
            content[_CHECKSUM] = _checksum(content)
            return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise BundleCorrupt(f"{MANIFEST} cannot be written: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest, refusing whatever is not as declared here; unknown keys are ignored.

        Raises:
            BundleSchemaUnsupported: another schema_version.
            BundleCorrupt: no JSON, a value is missing, of another type or out of range, or not the one that
                was written.
        """
        try:
            raw = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise BundleCorrupt(f"{MANIFEST} is not JSON: {error}") from error
        if not isinstance(raw, dict):
            raise BundleCorrupt(f"{MANIFEST} must hold an object, it holds {type(raw).__name__}")
        _check_schema(raw.get("schema_version"))
        missing = [field.name for field in fields(cls) if field.name not in raw]
        if missing:
            raise BundleCorrupt(f"{MANIFEST} lacks {', '.join(missing)}")
        try:
            manifest = _checked(raw)
        except BundleCorrupt as error:
            raise BundleCorrupt(f"{MANIFEST}: {error}") from error
        # Manifests had none at first.
        if raw.get(_CHECKSUM, (found := _checksum(raw))) != found:
            raise BundleCorrupt(f"{MANIFEST} was altered: its checksum is not the one that was written")
        return manifest


def is_version(text: str) -> bool:
    """Tell whether a text has the form of a version, such as `20261122T181500Z-3f9a1c`."""
    return _VERSION.fullmatch(text) is not None


def time_after(version: str, now: datetime) -> datetime:
    """Give the time that the version after this one carries: now, in UTC, or a second after it where the
    clock says that it has yet to be built.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    try:
        built = datetime.strptime(version.partition("-")[0], _TIME_FORM).replace(tzinfo=UTC)
        return max(now, built + timedelta(seconds=1))
    except (ValueError, OverflowError):  # of the form of a version, but of no day that there is
        return now


def content_hash(files: Mapping[str, FileEntry]) -> str:
    """Hash what answers depend on: SHA-256 over the sorted lines `name sha256`, the report left out."""
    lines = sorted(f"{name} {entry.sha256}\n" for name, entry in files.items() if name != REPORT)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _checksum(content: Mapping[str, Any]) -> str:
    """Hash what a manifest says, whatever else stands in its file."""
    own = {field.name: content[field.name] for field in fields(Manifest)}
    return hashlib.sha256(json.dumps(own, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON allows")


def _check_schema(found: object) -> None:
    if isinstance(found, int) and not isinstance(found, bool):
        if found != SCHEMA_VERSION:
            raise BundleSchemaUnsupported(
                f"{MANIFEST}: the bundle has schema_version {found}, this program reads {SCHEMA_VERSION}; "
                "build it again with this program, or run the program that wrote it"
            )
    else:
        raise BundleCorrupt(f"{MANIFEST} has no schema_version that is a number: {found!r}")


def _checked(raw: dict[str, Any]) -> Manifest:
    files = _files(raw)
    version = text_at(raw, "version")
    if not is_version(version) or not version.endswith(content_hash(files)[:6]):
        raise BundleCorrupt(f"version {version!r} does not belong to the files that it lists")
    _created_at(raw)
    _network(raw)
    if count_at(raw, "d_pca", least=1) > count_at(raw, "d_cnn", least=1):
        raise BundleCorrupt(f"d_pca is {raw['d_pca']}, above d_cnn, which is {raw['d_cnn']}")
    for fruit in object_at(raw, "counts"):
        count_at(raw["counts"], fruit, least=0, of="counts")
    for key in ("calibration", "thresholds", "metrics", "index"):
        object_at(raw, key)
    lists = {key: tuple(texts_at(raw, key)) for key in ("corpora", "warnings")}
    share = {"explained_variance": share_at(raw, "explained_variance")}
    known = {field.name: raw[field.name] for field in fields(Manifest)}
    return Manifest(**{**known, **lists, **share, "files": files})


def _files(raw: dict[str, Any]) -> dict[str, FileEntry]:
    files = {}
    for name, entry in object_at(raw, "files").items():
        if not _NAME.fullmatch(name) or name == MANIFEST:
            raise BundleCorrupt(f"{name!r} is not a plain file name")
        if not isinstance(entry, dict):
            raise wrong(f"files.{name}", "an object", entry)
        digest = text_at(entry, "sha256", f"files.{name}")
        if not _SHA256.fullmatch(digest):
            raise wrong(f"files.{name}.sha256", "64 hexadecimal digits", digest)
        size = count_at(entry, "bytes", least=0, of=f"files.{name}")
        if size > (most := MAX_FILE_BYTES.get(name, MAX_MANIFEST_BYTES)):
            raise wrong(f"files.{name}.bytes", f"{most} at most", size)
        files[name] = FileEntry(size, digest)
    absent = [name for name in FILES if name not in files]
    if absent:
        raise BundleCorrupt(f"files lacks {', '.join(absent)}")
    return files


def _created_at(raw: dict[str, Any]) -> None:
    text = text_at(raw, "created_at")
    try:
        zone = datetime.fromisoformat(text).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        raise wrong("created_at", "an ISO 8601 time with its zone", text)


def _network(raw: dict[str, Any]) -> None:
    network = object_at(raw, "network")
    for key in ("name", "sha256"):
        text_at(network, key, "network")
    count_at(network, "input_size", least=1, of="network")
    if network.get("feature_tensor") is not None:
        text_at(network, "feature_tensor", "network")
    if "preprocessing" not in network:
        raise BundleCorrupt("network lacks preprocessing")
