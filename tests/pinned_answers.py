"""Real photos that nobody may redistribute: what the default network saw in them, what the bundle said.

    python -m tests.pinned_answers PHOTOS

writes `tests/pinned_answers.npz` anew after the default bundle has changed. PHOTOS holds the development
photographs, unpacked. The photos are some of those kept apart, asked before they joined the index.
"""

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from batch.evaluate import answer_photos
from models import photo
from models.identifier import Identifier
from models.pretrained import DEFAULT_BUNDLE

FILE = Path(__file__).with_suffix(".npz")
KINDS = ("phone", "web40", "fruits360", "more", "not_fruit")
PHOTOS_A_KIND = 12


def choose(identifier: Identifier, root: Path) -> list[tuple[str, str]]:
    """Give path and fruit of some photos of every kind, the same ones every time."""
    answered = answer_photos(identifier, [str(root / kind) for kind in KINDS], only_kept_apart=True)
    files = {str(path.relative_to(root).with_suffix("")): path for path in root.rglob("*") if path.is_file()}
    found = []
    for kind in KINDS:
        own = [
            (str(files[image].relative_to(root)), label.fruit)
            for image, label, of in zip(answered.paths, answered.labels, answered.kinds, strict=True)
            if of == kind
        ]
        found += sorted(own, key=lambda pair: hashlib.sha256(pair[0].encode()).digest())[:PHOTOS_A_KIND]
    return found


def embed(identifier: Identifier, contents: Iterator[bytes]) -> np.ndarray:
    """Run photos through the network: float32 (n, d_cnn)."""
    framed = [photo.fit(photo.decode(content).pixels, identifier.input_size) for content in contents]
    return identifier.embed(np.stack(framed))


def from_archives(folder: Path, paths: list[str]) -> Iterator[bytes]:
    """Read photos out of the zip archives, one archive a kind."""
    for path in paths:
        with zipfile.ZipFile(folder / f"{path.split('/')[0]}.zip") as archive:
            yield archive.read(path)


def main(root: Path) -> None:
    """Write the file."""
    identifier = Identifier.load(DEFAULT_BUNDLE).without_kept_apart()
    chosen = choose(identifier, root)
    embeddings = embed(identifier, ((root / path).read_bytes() for path, _ in chosen))
    judgement = identifier.judge(embeddings)[0]
    np.savez_compressed(
        FILE,
        version=np.array(identifier.version),
        paths=np.array([path for path, _ in chosen]),
        fruits=np.array([fruit for _, fruit in chosen]),
        embeddings=embeddings,
        scores=judgement.fruits,
        is_fruit=judgement.is_fruit,
    )
    print(f"{len(chosen)} photos pinned for bundle {identifier.version} in {FILE}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
