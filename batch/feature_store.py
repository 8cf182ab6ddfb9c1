"""Keeps the CNN's features between builds, so that a build embeds only what is new or changed.

    <features>/<network>-<recipe>/<hash of the photos it was made from>.parquet

A shard is written once, whole and by one task, and never changed; a task that is repeated finds it there.
Rows are keyed by corpus, path, size and stamp, so a photo that changed has another key, and one that is gone
is not asked for. Rows hold either a vector or the code of the error that the photo will always give; what
could not be fetched is not kept, so that the next build tries again.
"""

import hashlib
import io
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError

from batch.corpus import CorpusPhoto
from models.errors import StoreFull, StoreUnavailable
from models.locations import Location, S3Options, open_location
from models.masking import reason
from models.near_duplicates import SIGNATURE_BYTES

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Store

logger = logging.getLogger(__name__)

RECIPE = "2"
"""Raise it when the way from bytes to the network's input, the signature, or what a digest covers changes:
features kept before are then left alone.
"""

INDEX_SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "shard": pa.string(),
        "row": pa.int32(),
        "error": pa.string(),
        "signature": pa.binary(SIGNATURE_BYTES),
    },
)
_KEY_SCHEMA = pa.schema([INDEX_SCHEMA.field(name) for name in ("key", "error", "signature")])
_KEY_HEX_DIGITS = 32
_DIGEST_BYTES = 8
_READERS = 16
_FETCHED_AT_ONCE = 65_536
_BROKEN = (OSError, ValueError, KeyError, pa.ArrowException)
"""What a file raises that is cut short, fails a checksum or has a spoilt footer."""


def photo_key(photo: CorpusPhoto) -> str:
    """Name one state of one photo: 32 hex digits of a hash over corpus, path, size and stamp."""
    text = "\0".join((photo.corpus, photo.path, str(photo.size), photo.stamp))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_KEY_HEX_DIGITS]


def vectors_of(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Turn fixed-size lists into float32 (n, d); rows without a vector hold zeros.

    Raises:
        ValueError: lists of another kind.
    """
    if not pa.types.is_fixed_size_list(column.type) or column.type.value_type != pa.float32():
        raise ValueError(f"expected fixed-size lists of float32, got {column.type}")
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    width = array.type.list_size
    values = array.values.slice(array.offset * width, len(array) * width)
    rows = values.fill_null(0).to_numpy(zero_copy_only=False).reshape(len(array), width)
    return np.where(array.is_valid().to_numpy(zero_copy_only=False)[:, None], rows, np.float32(0))


@dataclass(frozen=True)
class FeatureStore:
    """Where features are kept; travels to executors as an address and opens there.

    Attributes:
        uri: a plain path, `file://` or `s3://`; a missing local folder is made.
        s3: how S3 is reached.
    """

    uri: str
    s3: S3Options = S3Options()

    def space(self, network_hash: str, feature_tensor: str | None = None) -> "FeatureSpace":
        """Return the part that belongs to one network and one of its tensors."""
        recipe = hashlib.sha256(f"{RECIPE}\0{feature_tensor or ''}".encode()).hexdigest()
        return FeatureSpace(f"{self.uri.rstrip('/')}/{network_hash[:16]}-{recipe[:8]}", self.s3)


def _digests(table: pa.Table, place: str) -> list[bytes]:
    """Hash what matters of each row: pages have checksums, but the footer that places them has none.

    The place, network and shard, is hashed too: the shard of another network, or of other photos, is no
    longer whole where it does not belong.
    """
    vectors = vectors_of(table.column("embedding"))
    heads = zip(*(table.column(name).to_pylist() for name in _KEY_SCHEMA.names), strict=True)
    return [
        hashlib.blake2b(repr((place, head)).encode() + vector.tobytes(), digest_size=_DIGEST_BYTES).digest()
        for head, vector in zip(heads, vectors, strict=True)
    ]


class _Ranges(io.RawIOBase):
    """An object as a file of which only the parts asked for are fetched."""

    def __init__(self, objects: "LocalStore | S3Store", path: str) -> None:
        super().__init__()
        self._object = obstore.open_reader(objects, path, buffer_size=_FETCHED_AT_ONCE)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._object.seek(offset, whence)

    def tell(self) -> int:
        return self._object.tell()

    def readinto(self, target: Any) -> int:
        data = self._object.read(len(target))
        target[: len(data)] = data
        return len(data)


@lru_cache(maxsize=8)
def _open(uri: str, s3: S3Options) -> Location:
    return open_location(uri, s3, create=True)


@dataclass(frozen=True)
class FeatureSpace:
    """The features of one network."""

    uri: str
    s3: S3Options = S3Options()

    def shards(self) -> list[str]:
        """List the names of the shards, sorted.

        Raises:
            StoreUnavailable: the place cannot be listed.
        """
        try:
            pages = obstore.list(_open(self.uri, self.s3).objects, chunk_size=1_000)
            names = [entry["path"] for page in pages for entry in page]
        except BaseError as error:
            raise self._unavailable("listed", error) from error
        return sorted(name for name in names if name.endswith(".parquet") and "/" not in name)

    def index(self) -> pa.Table:
        """Read which keys lie where; shards that are broken are taken away with a warning.

        Returns:
            columns key (string, unique, sorted), shard (string), row (int32), error (string or null),
            signature (16 bytes or null).
        """
        with ThreadPoolExecutor(_READERS) as readers:
            parts = [part for part in readers.map(self._keys, self.shards()) if part is not None]
        found = pa.concat_tables(parts) if parts else INDEX_SCHEMA.empty_table()
        # Twin tasks of two builds may have written one key twice, with the same bytes: take either.
        found = found.sort_by([("key", "ascending"), ("shard", "ascending")])
        keys = found.column("key").to_numpy(zero_copy_only=False)
        first = np.ones(len(keys), dtype=bool)
        first[1:] = keys[1:] != keys[:-1]
        return found.filter(pa.array(first))

    def missing(self, photos: Iterable[CorpusPhoto]) -> list[CorpusPhoto]:
        """Return the photos that have no row yet, sorted by key."""
        known = set(self.index().column("key").to_pylist())
        keyed = sorted({photo_key(photo): photo for photo in photos}.items(), key=lambda pair: pair[0])
        return [photo for key, photo in keyed if key not in known]

    def read(self, shard: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a shard, its checksums verified; of a whole one also the digests of its rows.

        Raises:
            obstore's errors: it is gone, or the place does not answer.
            OSError, ValueError, KeyError, ArrowException: it is broken.
        """
        objects = _open(self.uri, self.s3).objects
        source = _Ranges(objects, shard) if columns else io.BytesIO(obstore.get(objects, shard).bytes())
        with pq.ParquetFile(source, page_checksum_verification=True) as file:
            table = file.read(columns=list(columns) if columns else None, use_threads=False)
        if columns is None and table.column("digest").to_pylist() != _digests(table, self._place(shard)):
            raise ValueError(f"{shard} does not hold what was written")
        return table

    def is_whole(self, shard: str) -> bool:
        """Tell whether a shard is there and every page of it can be read and has its checksum.

        Raises:
            StoreUnavailable: the place does not answer.
        """
        try:
            self.read(shard)
        except NotFoundError:
            return False
        except BaseError as error:
            raise self._unavailable(f"read ({shard})", error) from error
        except _BROKEN:
            return False
        return True

    def write(self, shard: str, table: pa.Table) -> bool:
        """Write a shard unless it is there, whole, already.

        Returns:
            whether this call wrote it.

        Raises:
            StoreFull, StoreUnavailable: it cannot be written.
        """
        data, digests = io.BytesIO(), _digests(table, self._place(shard))
        pq.write_table(
            table.append_column("digest", pa.array(digests, pa.binary(_DIGEST_BYTES))),
            data,
            compression="zstd",
            use_dictionary=["corpus", "error"],
            write_page_checksum=True,
        )
        objects = _open(self.uri, self.s3).objects
        modes: tuple[Literal["create", "overwrite"], ...] = ("create", "overwrite")
        for mode in modes:
            try:
                obstore.put(objects, shard, data.getvalue(), mode=mode)
                return True
            except AlreadyExistsError:
                if self.is_whole(shard):
                    return False
            except BaseError as error:
                raise self._unwritable(shard, error) from error
        return False

    def remove(self, shard: str) -> None:
        """Take a broken shard away, so that its photos are embedded again."""
        logger.warning("The feature shard %s/%s is broken; its photos are embedded again.", self.uri, shard)
        try:
            obstore.delete(_open(self.uri, self.s3).objects, shard)
        except NotFoundError:
            return
        except BaseError as error:
            raise self._unavailable(f"cleared of {shard}", error) from error

    def _place(self, shard: str) -> str:
        """Name a shard and its network, wherever the store lies."""
        return f"{self.uri.rpartition('/')[2]}/{shard}"

    def _keys(self, shard: str) -> pa.Table | None:
        try:
            table = self.read(shard, _KEY_SCHEMA.names).cast(_KEY_SCHEMA)
        except NotFoundError:
            return None
        except BaseError as error:
            raise self._unavailable(f"read ({shard})", error) from error
        except _BROKEN:
            self.remove(shard)
            return None
        rows = pa.array(np.arange(table.num_rows, dtype=np.int32))
        places = table.append_column("shard", pa.repeat(pa.scalar(shard), table.num_rows))
        return places.append_column("row", rows).select(INDEX_SCHEMA.names)

    def _unwritable(self, shard: str, error: BaseError) -> StoreFull | StoreUnavailable:
        if "No space left" in str(error) or "os error 28" in str(error):
            return StoreFull(f"No room is left for features at {self.uri}; free some, then build again.")
        return self._unavailable(f"written ({shard})", error)

    def _unavailable(self, verb: str, error: BaseError) -> StoreUnavailable:
        return StoreUnavailable(f"The features at {self.uri} cannot be {verb}: {reason(error)}")
