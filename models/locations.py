"""Where photographs and bundles lie: a local folder or a prefix of an S3 bucket, behind one interface.

A location is opened from plain strings (`uri`, `S3Options`), so that a Spark executor opens its own from the
same words; an open location never travels.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore

from models.errors import LocationInvalid, LocationMissing
from models.masking import masked, reason, refuse_more_than_a_server, refuse_secrets

if TYPE_CHECKING:
    from obstore.store import S3Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class S3Options:
    """How S3 is reached; what is None is left to the usual AWS configuration (variables, profiles, roles).

    Attributes:
        endpoint_url: address of an S3-compatible server, such as `http://127.0.0.1:9000`.
        region: region of the first call; the bucket's own region is asked for and used afterwards.
        profile: name of a profile in the AWS configuration files.

    Raises:
        LocationInvalid: the endpoint carries a user, a password or a query.
    """

    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        """Refuse an endpoint that would put a secret into logs."""
        if self.endpoint_url:
            refuse_more_than_a_server(self.endpoint_url)


@dataclass(frozen=True, slots=True)
class Location:
    """An open location.

    Attributes:
        uri: canonical address: an absolute path, or `s3://bucket/prefix` with no slash at the end.
        objects: obstore store rooted there; its paths are relative and separated by `/`.
        folder: the local folder; None on S3.
    """

    uri: str
    objects: "LocalStore | S3Store"
    folder: Path | None = None


def is_s3(uri: str) -> bool:
    """Tell whether an address is on S3."""
    return uri.startswith("s3://")


def local_folder(uri: str) -> Path:
    """Give the absolute path that a plain path or a `file://` address means; it need not exist.

    Raises:
        LocationInvalid: another scheme, another host, or nothing at all.
    """
    refuse_secrets(uri)
    scheme = _SCHEME.match(uri)
    if scheme is None and uri:
        return Path(uri).absolute()
    if scheme is None or scheme[1].lower() != "file":
        raise LocationInvalid(
            f"{masked(uri)!r} is not a folder, a file:// or an s3:// address; give one of these"
        )
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
        raise LocationInvalid(
            f"{masked(uri)!r} is not on this machine; write file:///absolute/path or the path alone"
        )
    return Path(unquote(parts.path))


def split_s3(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/prefix` into bucket and prefix, the prefix without slashes at its ends.

    Raises:
        LocationInvalid: no s3:// address, a malformed bucket name, an empty, `.` or `..` part, or keys or a
            signature in it.
    """
    refuse_secrets(uri)
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not is_s3(uri) or not _BUCKET.fullmatch(bucket):
        raise LocationInvalid(f"{masked(uri)!r} names no S3 bucket; write s3://bucket/prefix")
    prefix = prefix.strip("/")
    if prefix and any(part in ("", ".", "..") for part in prefix.split("/")):
        raise LocationInvalid(f"{masked(uri)!r} has an empty, '.' or '..' part; write the prefix in full")
    return bucket, prefix


def open_location(uri: str, s3: S3Options = S3Options(), *, create: bool = False) -> Location:
    """Open a folder or an S3 prefix.

    Args:
        uri: a plain path, `file:///path` or `s3://bucket/prefix`.
        s3: how S3 is reached; unused for a folder.
        create: make a missing local folder; a bucket is never made.

    Raises:
        LocationInvalid: the address cannot be one, or names a file.
        LocationMissing: the folder or the bucket does not exist.
        RegionRefused: the region asked for, or the bucket's own, is outside the European Union.
        StoreUnavailable: S3 does not answer, refuses, or no credentials were found.
    """
    if is_s3(uri):
        from models.s3_access import open_bucket  # boto3 takes 0.4 s and 40 MB: only who uses S3 pays

        bucket, prefix = split_s3(uri)
        return Location(f"s3://{bucket}/{prefix}".rstrip("/"), open_bucket(bucket, prefix, s3))
    folder = local_folder(uri)
    return Location(str(folder), _open_folder(folder, create), folder)


def _open_folder(folder: Path, create: bool) -> LocalStore:
    try:
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not folder.is_dir():
            raise LocationInvalid(f"{folder} is a file; a folder was expected")
        if not folder.exists():
            raise LocationMissing(f"the folder {folder} does not exist; check the path or create it")
        return LocalStore(prefix=folder)
    except FileExistsError as error:
        raise LocationInvalid(f"{folder} is a file; a folder was expected") from error
    except (OSError, BaseError) as error:
        raise LocationInvalid(f"the folder {folder} cannot be opened: {reason(error)}") from error
