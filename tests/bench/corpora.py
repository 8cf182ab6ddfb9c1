"""Corpora that benches build from and ask about: photos by image id, copied into folders of their own."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from batch.corpus import CorpusPhoto, image_ids, list_photos
from batch.evaluate import open_bundle
from batch.splitting import keep_apart
from models import near_duplicates, photo
from models.errors import PhotoError
from models.identifier import Identifier
from models.labels import LabelRules
from models.locations import S3Options

THREADS = 4


def load(store: Path, cache: Path) -> Identifier:
    """Load the current bundle of a store."""
    return open_bundle(str(store), S3Options(), cache)


def listed(folders: Sequence[Path]) -> list[tuple[str, CorpusPhoto]]:
    """Give (image id, photo), with the ids that answers give."""
    rules = LabelRules.default()
    photos = [photo for folder in folders for photo in list_photos(str(folder), rules=rules).photos]
    return list(zip(image_ids(photos), photos, strict=True))


def kind_of(image: str) -> str:
    """Give the first folder of an image id: the kind of photo."""
    return image.split("/")[0]


def path_of(photo: CorpusPhoto) -> Path:
    """Give the file of a photo on this machine."""
    return Path(photo.corpus.removeprefix("file://")) / photo.path


def copy(photos: Mapping[str, CorpusPhoto], images: Iterable[str], folder: Path) -> Path:
    """Put some photos under a folder of their own, with their times, so that features kept of them serve."""
    shutil.rmtree(folder, ignore_errors=True)
    for image in images:
        photo = photos[image]
        target = folder / kind_of(image) / photo.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path_of(photo), target)
    return folder


def kept_apart(photos: Mapping[str, CorpusPhoto]) -> dict[str, int]:
    """Give the photos of fruits that builds keep apart, each with its near-duplicate group."""
    with ThreadPoolExecutor(THREADS) as pool:
        signatures = dict(zip(photos, pool.map(signature, photos.values()), strict=True))
    readable = {image: found for image, found in signatures.items() if found is not None}
    labels = [photos[image].label for image in readable]
    groups, apart = keep_apart(list(readable.values()), labels)
    return {
        image: int(group)
        for image, group, own, label in zip(readable, groups, apart, labels, strict=True)
        if own and label.is_fruit
    }


def signature(one: CorpusPhoto) -> bytes | None:
    """Describe a photo; None if it cannot be read."""
    try:
        return near_duplicates.signature(photo.decode(path_of(one).read_bytes()).pixels)
    except PhotoError:
        return None
