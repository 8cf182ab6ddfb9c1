"""How well a fruit is named that joins a corpus with thirty photos, after a rebuild without training."""

import os
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from batch.corpus import CorpusPhoto
from batch.evaluate import answer_photos
from batch.evaluation import measure
from models.identifier import Identifier
from tests.bench.conftest import Measured
from tests.bench.corpora import copy, listed, load, path_of
from tests.bench.photos import KINDS, development_photos
from tests.bench.settings import BenchSettings
from tests.bench.table import ROOT, show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(5400)]

FRUITS = ("avocado", "eggplant", "mango", "passion-fruit", "pomegranate")
PHOTOS = 30


def test_a_fruit_that_joins_with_thirty_photos(
    asked: BenchSettings, measured: Measured, bench_folder: Path
) -> None:
    source = development_photos(asked)
    if source is None:
        pytest.skip("needs the development photographs in ../shared")
    network = Path(asked.network) if asked.network else measured.folder / "network.tflite"
    folders = [source / kind for kind in KINDS]
    answered = answer_photos(
        Identifier.load(measured.folder), [str(folder) for folder in folders], only_kept_apart=True
    )
    apart = set(answered.paths)
    photos = dict(listed(folders))
    work = bench_folder / "new-fruit"
    asking = copy(photos, sorted(apart), work / "asked")
    corpus = work / "corpus"
    for image in set(photos) - apart:
        link(photos[image], corpus)
    rows = []
    for fruit in FRUITS:
        own = sorted(image for image in set(photos) - apart if photos[image].label.fruit == fruit)
        few = set(random.Random(3).sample(own, PHOTOS))
        unlink((photos[image] for image in own if image not in few), corpus)
        identifier = load(build(corpus, network, work), work)
        rows.append(row_of(fruit, identifier, asking, len(own)))
        for image in own:
            link(photos[image], corpus)
    show(
        f"A fruit that joins a corpus with {PHOTOS} photos, one at a time: photos kept apart, in %",
        ["fruit", "photos at hand", "asked", "top-1", "top-3", "another called so", "all fruits, top-1"],
        rows,
        packages=("ai-edge-litert", "faiss-cpu", "scikit-learn"),
        notes=[
            f"Network: {network.name}, trained on none of them."
            if asked.network
            else f"Network: that of {measured.name}, which was trained on them.",
            "Another called so: photos of other fruits, the share that is called by the new fruit's name.",
        ],
    )


def link(photo: CorpusPhoto, corpus: Path) -> None:
    """Put a photo into the corpus, without copying its bytes where the file system allows."""
    target = corpus / Path(photo.corpus).name / photo.path
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path_of(photo), target)
        except OSError:  # another file system
            target.symlink_to(path_of(photo))


def unlink(photos: Iterable[CorpusPhoto], corpus: Path) -> None:
    for photo in photos:
        (corpus / Path(photo.corpus).name / photo.path).unlink()


def build(corpus: Path, network: Path, work: Path) -> Path:
    """Build a bundle from the corpus as it is; features of photos seen before are kept."""
    store = work / "store"
    command = [sys.executable, "-m", "batch", "build", "--store", str(store), "--network", str(network)]
    command += ["--features", str(work / "features"), "--components", "128", "--whitening", "0.5", "--force"]
    for kind in KINDS:
        command += ["--corpus", str(corpus / kind)]
    subprocess.run(command, cwd=ROOT, check=True)
    return store


def row_of(fruit: str, identifier: Identifier, asking: Path, at_hand: int) -> list[str]:
    """Ask about every photo kept apart."""
    answered = answer_photos(identifier, [str(asking / kind) for kind in KINDS])
    own = [row for row, label in enumerate(answered.labels) if label.fruit == fruit]
    others = [row for row, label in enumerate(answered.labels) if label.is_fruit and label.fruit != fruit]
    figures = measure(answered.select(own))
    claimed = sum(answered.guessed[row] == fruit for row in others) / len(others)
    shares = [figures["top1"], figures["top3"], claimed, measure(answered)["top1"]]
    return [fruit, f"{at_hand:,}", f"{len(own):,}", *(f"{100 * share:.1f}" for share in shares)]
