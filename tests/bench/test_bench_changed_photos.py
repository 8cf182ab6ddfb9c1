"""How much of the accuracy is left when photos are closer, farther, darker or blurred than those at hand."""

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from batch.corpus import CorpusPhoto
from batch.evaluate import answer_photos
from models.identifier import Identifier
from models.photo import decode
from tests.bench.changed_photos import CHANGES
from tests.bench.classic import ClassicRecipe
from tests.bench.conftest import Measured
from tests.bench.corpora import kind_of, listed, load, path_of
from tests.bench.photos import KINDS, development_photos
from tests.bench.settings import BenchSettings
from tests.bench.table import show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

ASKED_KINDS = {"phone": "phone", "more": "more", "web40": "web"}
AT_MOST = 600
FRUITNET, CLASSIC = "fruitnet", "classic"
NETWORK = "mobilenet_v2_imagenet_int8.tflite"


def test_top1_of_changed_photos(
    asked: BenchSettings, shared_data: Path, measured: Measured, bench_folder: Path
) -> None:
    source = development_photos(asked)
    assert source
    folders = [source / kind for kind in KINDS]
    store = ClassicRecipe(shared_data / NETWORK, bench_folder).store("classic", folders)
    identifiers = {
        FRUITNET: Identifier.load(measured.folder).without_kept_apart(),
        CLASSIC: load(store, bench_folder).without_kept_apart(),
    }
    apart = answer_photos(identifiers[FRUITNET], [str(folder) for folder in folders], only_kept_apart=True)
    known = {image for identifier in identifiers.values() for image in identifier.images}
    photos = dict(listed(folders))
    chosen = [
        (image, photos[image])
        for kind in ASKED_KINDS
        for image in sample([image for image in apart.paths if kind_of(image) == kind and image not in known])
    ]
    rows = []
    for name, change in CHANGES.items():
        folder = write(chosen, change, bench_folder / "changed")
        cells = []
        for kind in ASKED_KINDS:
            for identifier in identifiers.values():
                right = answer_photos(identifier, [str(folder / kind)]).right
                cells.append(f"{100 * right.mean():.1f}")
        rows.append([name, *cells])
    shutil.rmtree(bench_folder / "changed")
    counts = [
        f"{sum(kind_of(image) == kind for image, _ in chosen)} {label}" for kind, label in ASKED_KINDS.items()
    ]
    show(
        "Top-1 by fruit, in %, of photos kept apart that were changed",
        ["change", *(way for _ in ASKED_KINDS for way in identifiers)],
        rows,
        packages=("pillow", "ai-edge-litert"),
        groups=["", *(cell for label in ASKED_KINDS.values() for cell in ("", label))],
        notes=[f"Photos: {', '.join(counts)}. fruitnet: {measured.name}."],
    )


def sample(images: Sequence[str]) -> list[str]:
    """Give at most `AT_MOST` of them, the same ones each time."""
    return sorted(random.Random(7).sample(sorted(images), min(AT_MOST, len(images))))


def write(
    photos: Sequence[tuple[str, CorpusPhoto]], change: Callable[[Image.Image], Image.Image], folder: Path
) -> Path:
    """Write the photos, turned upright and changed, under `folder/<kind>`."""
    shutil.rmtree(folder, ignore_errors=True)
    for image, photo in photos:
        target = (folder / kind_of(image) / photo.path).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        upright = Image.fromarray(decode(path_of(photo).read_bytes()).pixels)
        change(upright).save(target, quality=92)
    return folder
