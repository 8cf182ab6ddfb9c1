"""What an executor does: bytes of photos to vectors, written as one shard of the feature store.

The network is loaded once a Python worker and runs on one thread; the bytes of the next photos are fetched
while it runs, so that S3's latency hides behind it.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import obstore
import pyarrow as pa
from obstore.exceptions import BaseError

from batch.feature_store import FeatureSpace
from batch.worker_imports import forget_archives
from models.embedder import Embedder
from models.errors import PhotoError, PhotoTooLarge, UnreadablePhoto
from models.locations import Location, S3Options, open_location
from models.near_duplicates import SIGNATURE_BYTES, signature
from models.photo import PhotoLimits, decode, fit

if TYPE_CHECKING:
    from pyspark import Broadcast

REPORT_SCHEMA = "shard string, photos int"

_CODES = {"not_an_image": "undecodable"}
_FETCHERS = 8
_FETCHED_PHOTOS = 64
_FETCHED_BATCHES = 2
_FETCHED_BYTES = 64_000_000
_EMBEDDERS: dict[tuple[str, str | None], Embedder] = {}

Content = bytes | str
"""The bytes of a photo, or the code of the error that fetching it gave."""


class Seen(NamedTuple):
    """What a photo came to: float32 (d_cnn,) and the signature by which twins are found."""

    vector: np.ndarray
    signature: bytes


class PhotoRow(NamedTuple):
    """What a task knows of a photo."""

    key: str
    corpus: str
    path: str
    size: int


@dataclass(frozen=True)
class ShardTask:
    """Embeds photos; travels to the executors.

    Attributes:
        space: where shards go.
        s3: how the corpora are reached.
        network: the bytes of the network.
        network_hash, feature_tensor: which network and tensor it is.
        batch_size: photos held as pictures; the bytes of twice as many are held beside them.
    """

    space: FeatureSpace
    s3: S3Options
    network: "Broadcast[bytes]"
    network_hash: str
    feature_tensor: str | None
    batch_size: int

    def embed_listed(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Fetch and embed the photos of each shard: columns shard (number), key, corpus, path, size."""
        forget_archives()
        rows = sorted((row for batch in batches for row in batch.to_pylist()), key=itemgetter("shard", "key"))
        with ThreadPoolExecutor(_FETCHERS) as fetchers:
            for _, members in groupby(rows, key=itemgetter("shard")):
                photos = [PhotoRow(*(row[name] for name in PhotoRow._fields)) for row in members]
                if not self.space.is_whole(shard_name(photos)):
                    contents = fetch(photos, self.s3, fetchers, _FETCHED_BATCHES * self.batch_size)
                    self._write(photos, embed_contents(contents, self._embedder(), self.batch_size))
                yield _report(photos)

    def embed_opened(
        self, batches: Iterable[pa.RecordBatch], photos: "Broadcast[dict[str, PhotoRow]]", shard_photos: int
    ) -> Iterator[pa.RecordBatch]:
        """Embed photos whose bytes come through Spark itself: columns path (in full), content."""
        forget_archives()
        opened = (
            (photos.value[path.as_py()], content.as_py())
            for batch in batches
            for path, content in zip(batch.column("path"), batch.column("content"), strict=True)
        )
        while True:
            rows: list[PhotoRow] = []
            contents = (_remember(row, rows, content) for row, content in islice(opened, shard_photos))
            results = embed_contents(contents, self._embedder(), self.batch_size)
            if not rows:
                return
            self._write(rows, results)
            yield _report(rows)

    def _write(self, photos: Sequence[PhotoRow], results: Sequence[Seen | str]) -> None:
        """Keep what came of photos, except of those that could not be fetched: another build may have more
        luck.
        """
        kept = [pair for pair in zip(photos, results, strict=True) if not _is_passing(pair[1])]
        if kept:
            kept.sort(key=lambda pair: pair[0].key)
            self.space.write(shard_name(photos), _shard(kept, self._embedder().d_cnn))

    def _embedder(self) -> Embedder:
        name = (self.network_hash, self.feature_tensor)
        if name not in _EMBEDDERS:
            _EMBEDDERS.clear()
            _EMBEDDERS[name] = Embedder.load(self.network.value, self.feature_tensor, threads=1)
        return _EMBEDDERS[name]


def shard_name(photos: Iterable[PhotoRow]) -> str:
    """Name a shard by its inputs, in whatever order they come."""
    keys = " ".join(sorted(photo.key for photo in photos))
    return f"{hashlib.sha256(keys.encode()).hexdigest()[:32]}.parquet"


def fetch(
    photos: Iterable[PhotoRow], s3: S3Options, fetchers: ThreadPoolExecutor, ahead: int = _FETCHED_PHOTOS
) -> Iterator[Content]:
    """Give the bytes of photos in their order, with up to `ahead` of the next ones already under way."""
    waiting: deque[tuple[int, Future[Content]]] = deque()
    held_bytes = 0
    for photo in photos:
        while waiting and (len(waiting) >= ahead or held_bytes + photo.size > _FETCHED_BYTES):
            size, first = waiting.popleft()
            held_bytes -= size
            yield first.result()
        waiting.append((photo.size, fetchers.submit(_fetch_one, photo, s3)))
        held_bytes += photo.size
    for _, later in waiting:
        yield later.result()


def embed_contents(contents: Iterable[Content], embedder: Embedder, batch_size: int) -> list[Seen | str]:
    """Turn bytes of photos into what a network sees in them, or into the code of what is wrong with them."""
    results: list[Seen | str] = []
    framed: list[tuple[int, np.ndarray, bytes]] = []
    for content in contents:
        picture = content if isinstance(content, str) else _frame(content, embedder.input_size)
        if isinstance(picture, str):
            results.append(picture)
        else:
            framed.append((len(results), *picture))
            results.append("")
        if len(framed) == batch_size:
            _embed_framed(framed, embedder, results)
    _embed_framed(framed, embedder, results)
    return results


def _embed_framed(
    framed: list[tuple[int, np.ndarray, bytes]], embedder: Embedder, results: list[Seen | str]
) -> None:
    """Put what the network sees in pictures into their places among the results, and forget them."""
    if framed:
        vectors = embedder.embed(np.stack([picture for _, picture, _ in framed]))
        for (place, _, look), vector in zip(framed, vectors, strict=True):
            results[place] = Seen(vector, look)
        framed.clear()


def _frame(data: bytes, size: int) -> tuple[np.ndarray, bytes] | str:
    try:
        pixels = decode(data).pixels
    except PhotoError as error:
        return _CODES.get(error.code, error.code)
    return fit(pixels, size), signature(pixels)


def _fetch_one(photo: PhotoRow, s3: S3Options) -> Content:
    if photo.size > PhotoLimits().max_bytes:
        return PhotoTooLarge.code
    try:
        return bytes(obstore.get(_open_corpus(photo.corpus, s3).objects, photo.path).bytes())
    except (BaseError, OSError):
        return UnreadablePhoto.code


@lru_cache(maxsize=64)
def _open_corpus(uri: str, s3: S3Options) -> Location:
    return open_location(uri, s3)


def _remember(row: PhotoRow, rows: list[PhotoRow], content: bytes) -> bytes:
    rows.append(row)
    return content


def _is_passing(result: Seen | str) -> bool:
    return isinstance(result, str) and result == UnreadablePhoto.code


def _shard(kept: Sequence[tuple[PhotoRow, Seen | str]], d_cnn: int) -> pa.Table:
    """Lay out a shard: one row a photo, with a vector or an error code."""
    photos = [photo for photo, _ in kept]
    errors = [result if isinstance(result, str) else None for _, result in kept]
    vectors = np.zeros((len(kept), d_cnn), np.float32)
    for place, (_, result) in enumerate(kept):
        if not isinstance(result, str):
            vectors[place] = result.vector
    columns: dict[str, pa.Array] = {
        name: pa.array(values)
        for name, values in zip(PhotoRow._fields, zip(*photos, strict=True), strict=True)
    }
    columns["error"] = pa.array(errors, pa.string())
    looks = [None if isinstance(result, str) else result.signature for _, result in kept]
    columns["signature"] = pa.array(looks, pa.binary(SIGNATURE_BYTES))
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(
        pa.array(vectors.reshape(-1)), d_cnn, mask=pa.array([error is not None for error in errors])
    )
    return pa.table(columns)


def _report(photos: Sequence[PhotoRow]) -> pa.RecordBatch:
    columns = [pa.array([shard_name(photos)]), pa.array([len(photos)], pa.int32())]
    return pa.RecordBatch.from_arrays(columns, names=["shard", "photos"])
