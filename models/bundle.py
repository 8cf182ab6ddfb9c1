"""The bundle: one immutable folder that holds everything an answer depends on, and the proof of it.

`seal` hashes the files of a finished folder into `manifest.json`; `verify` proves before use that every file
is the one that was sealed. The version carries the start of the content hash, so that the manifest of one
build cannot be paired with the files of another either.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.disk import disk_errors
from models.errors import BundleCorrupt
from models.manifest import (
    FILES,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    SCHEMA_VERSION,
    FileEntry,
    Manifest,
    content_hash,
    is_version,
)

__all__ = [
    "FILES",
    "MANIFEST",
    "SCHEMA_VERSION",
    "FileEntry",
    "Manifest",
    "content_hash",
    "is_version",
    "read_manifest",
    "seal",
    "verify",
]


def seal(folder: Path, description: Mapping[str, Any], *, now: datetime) -> Manifest:
    """Hash the files of a finished folder and write its manifest.

    Args:
        folder: holds every one of `FILES`.
        description: the fields of `Manifest` from `network` to `warnings`.
        now: time of the build, with its zone.

    Raises:
        BundleCorrupt: a file is missing, or the description is incomplete or of a wrong type.
        StoreFull: no room left for the manifest.
    """
    if now.tzinfo is None:
        raise ValueError("the time of a build needs its zone; pass datetime.now(UTC)")
    time = now.astimezone(UTC)
    files = {name: _entry(folder, name) for name in FILES}
    own = {
        "schema_version": SCHEMA_VERSION,
        "version": f"{time:%Y%m%dT%H%M%SZ}-{content_hash(files)[:6]}",
        "created_at": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "files": {name: asdict(entry) for name, entry in files.items()},
    }
    clash = sorted(own.keys() & description.keys())
    if clash:
        raise BundleCorrupt(f"the description must not set {', '.join(clash)}")
    try:
        text = json.dumps({**description, **own}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BundleCorrupt(f"the description cannot be written as JSON: {error}") from error
    manifest = Manifest.from_json(text)
    with disk_errors(f"writing {folder / MANIFEST}"):
        (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def verify(folder: Path) -> Manifest:
    """Prove that a folder is the bundle that was sealed; files are read in pieces.

    Raises:
        BundleCorrupt: a file is missing, of another length or altered; the message names it.
        BundleSchemaUnsupported: written by another version of this product.
    """
    manifest = read_manifest(folder)
    for name, expected in manifest.files.items():
        found = _entry(folder, name, expected.bytes)
        if found.bytes != expected.bytes:
            raise BundleCorrupt(f"{folder / name} has {found.bytes} bytes, {expected.bytes} were sealed")
        if found.sha256 != expected.sha256:
            raise BundleCorrupt(f"{folder / name} was altered: its SHA-256 is not the one that was sealed")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest without looking at its files.

    Raises:
        BundleCorrupt: missing or malformed.
        BundleSchemaUnsupported: written by another version of this product.
    """
    path = folder / MANIFEST
    try:
        if (size := path.stat().st_size) > MAX_MANIFEST_BYTES:
            raise BundleCorrupt(f"{path} has {size} bytes, at most {MAX_MANIFEST_BYTES} were expected")
        return Manifest.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BundleCorrupt(f"{path} cannot be read: {error}") from error


def _entry(folder: Path, name: str, length: int | None = None) -> FileEntry:
    """Count and hash a file; one of another length than expected is not read."""
    try:
        with (folder / name).open("rb") as file:
            found = os.fstat(file.fileno()).st_size
            if length is not None and found != length:
                return FileEntry(found, "")
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return FileEntry(file.tell(), digest)
    except OSError as error:
        raise BundleCorrupt(f"{folder / name} cannot be read: {error.strerror or error}") from error
