"""Answers a folder of labelled photos with a bundle, on this machine alone."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import obstore
from obstore.exceptions import BaseError

from batch.corpus import CorpusPhoto, image_ids, list_photos
from batch.evaluation import Answered
from batch.splitting import keep_apart
from models import near_duplicates, photo
from models.errors import PhotoError, StoreEmpty
from models.identifier import Identifier
from models.labels import LabelRules
from models.locations import S3Options, open_location
from models.manifest import MANIFEST
from models.pretrained import DEFAULT_BUNDLE
from models.store import open_store

_THREADS = 4
_BATCH = 64
Framed = tuple[npt.NDArray[np.uint8], bytes] | None


def open_bundle(which: str, s3: S3Options, cache: Path) -> Identifier:
    """Load a bundle.

    Args:
        which: `default`, a bundle folder, a store (its current bundle), or STORE@VERSION.
        s3: how S3 is reached.
        cache: where a bundle of a remote store is kept.

    Raises:
        StoreEmpty: the store has no current bundle.
        StoreError, BundleError: it cannot be had or is not whole.
    """
    if which == "default":
        return Identifier.load(DEFAULT_BUNDLE)
    if (Path(which) / MANIFEST).is_file():
        return Identifier.load(Path(which))
    uri, _, version = which.partition("@")
    store = open_store(uri, s3)
    if not version:
        current = store.current()
        if current is None:
            raise StoreEmpty(
                f"{uri} is neither a bundle folder nor a store with a current bundle. Build one with "
                f"`python -m batch build --store {uri}`."
            )
        version = current.version
    return Identifier.load(store.fetch(version, cache))


def answer_photos(
    identifier: Identifier,
    folders: Sequence[str],
    s3: S3Options = S3Options(),
    *,
    only_kept_apart: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Answered:
    """Answer every photo of labelled folders.

    Args:
        identifier: the bundle.
        folders: addresses of folders of photos; the name of each is its kind.
        s3: how S3 is reached.
        only_kept_apart: ask only photos that a build of these folders measures with, and that no training
            learns from; the bundle answers as it did before they joined its index.
        on_progress: called with (photos done, photos to do).

    Raises:
        CorpusError: a folder is missing or holds no photos.
    """
    if only_kept_apart:
        identifier = identifier.without_kept_apart()
    rules = LabelRules.default()
    photos = [one for uri in dict.fromkeys(folders) for one in list_photos(uri, s3, rules=rules).photos]
    images = image_ids(photos)
    framed: list[bytes | None] = []
    embeddings: list[npt.NDArray[np.float32]] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        frames = _frames(photos, s3, identifier.input_size, pool)
        while batch := list(islice(frames, _BATCH)):
            readable = [one for one in batch if one is not None]
            if readable:
                embeddings.append(identifier.embed(np.stack([pixels for pixels, _ in readable])))
            framed += [None if one is None else one[1] for one in batch]
            if on_progress:
                on_progress(len(framed), len(photos))
    rows = [row for row, one in enumerate(framed) if one is not None]
    judgement = (
        identifier.judge(np.concatenate(embeddings))[0]
        if embeddings
        else identifier.judge(np.empty((0, identifier.projection.d_cnn), np.float32))[0]
    )
    answered = Answered.of(
        identifier.decision,
        judgement,
        identifier.catalogue.families,
        [images[row] for row in rows],
        [photos[row].label for row in rows],
        [images[row].split("/")[0] for row in rows],
        broken=len(photos) - len(rows),
    )
    if not only_kept_apart:
        return answered
    apart = keep_apart([one for one in framed if one is not None], answered.labels)[1]
    return answered.select(np.flatnonzero(apart).tolist())


def _frames(
    photos: Sequence[CorpusPhoto], s3: S3Options, size: int, pool: ThreadPoolExecutor
) -> Iterator[Framed]:
    locations = {corpus: open_location(corpus, s3) for corpus in dict.fromkeys(one.corpus for one in photos)}

    def frame(one: CorpusPhoto) -> Framed:
        try:
            pixels = photo.decode(bytes(obstore.get(locations[one.corpus].objects, one.path).bytes())).pixels
        except (PhotoError, BaseError, OSError):
            return None
        return photo.fit(pixels, size), near_duplicates.signature(pixels)

    for first in range(0, len(photos), 8 * _BATCH):
        yield from pool.map(frame, photos[first : first + 8 * _BATCH])
