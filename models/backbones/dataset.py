"""Labelled photos for training: listed by folder, split by near-duplicate group, decoded once into a memory-
mapped cache.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models import near_duplicates, photo
from models.errors import CorpusError, PhotoError, SettingsError
from models.labels import LabelRules
from models.near_duplicates import SIGNATURE_BYTES
from models.records import Label

_CHANNELS = 4
_WHITE = 238
_MIN_WHITE_SHARE, _MAX_WHITE_SHARE = 0.12, 0.9


@dataclass(frozen=True)
class Photos:
    """Photos of a training, in the order of their paths.

    Attributes:
        paths: below the root.
        labels: what each shows.
        pixels: uint8 (n, side, side, 4): RGB, and 255 where the fourth channel sees the subject, 0 on a plain
            white background.
        groups: int64 (n,) near-duplicate groups.
        validation: bool (n,) kept apart from training.
    """

    paths: tuple[str, ...]
    labels: tuple[Label, ...]
    pixels: npt.NDArray[np.uint8]
    groups: npt.NDArray[np.int64]
    validation: npt.NDArray[np.bool_]

    @property
    def kinds(self) -> list[str]:
        """First folder of each path: the kind of photo."""
        return [path.split("/", 1)[0] for path in self.paths]

    def batches(self, rows: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.uint8]]:
        """Pixels of the given rows, `size` at a time."""
        for start in range(0, len(rows), size):
            yield self.pixels[rows[start : start + size]]


def load(root: Path, side: int, cache: Path, leave_out: Sequence[str] = ()) -> Photos:
    """List, decode and split the photos below a folder.

    Args:
        root: folder of folders of photos.
        side: pixels of the cached squares; a little more than the network's input leaves room to crop.
        cache: folder for the decoded pixels, reused when the listing has not changed.
        leave_out: fruits whose photos are passed over.

    Raises:
        CorpusError: no readable photo there, or none of a fruit to leave out.
    """
    files = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".csv"
    )
    rules = LabelRules.default()
    shown = {path: rules.label(str(path.parent.relative_to(root)))[0] for path in files}
    if lacking := sorted(set(leave_out) - {label.fruit for label in shown.values()}):
        raise CorpusError(f"Expected photos of {lacking[0]!r} below {root} to leave out, but found none.")
    files = [path for path in files if shown[path].fruit not in leave_out]
    stamp = hashlib.sha256(f"{side}".encode())
    for path in files:
        stamp.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode())
    stored = cache / f"{stamp.hexdigest()[:16]}-{side}"
    if not (stored / "done").exists():
        _decode_all(files, side, stored)
    kept = np.load(stored / "kept.npy")
    if not len(kept):
        raise CorpusError(f"Expected photos below {root}, but found none that can be read.")
    pixels = np.memmap(stored / "pixels.u8", np.uint8, "r", shape=(len(kept), side, side, _CHANNELS))
    packed = np.load(stored / "signatures.npy")
    signatures = [row.tobytes() for row in packed]
    groups = near_duplicates.group(signatures)
    paths = tuple(str(files[row].relative_to(root)) for row in kept)
    labels = tuple(shown[files[row]] for row in kept)
    return Photos(paths, labels, pixels, groups, near_duplicates.held_out(groups, signatures))


def _decode_all(files: Sequence[Path], side: int, stored: Path) -> None:
    stored.mkdir(parents=True, exist_ok=True)
    kept: list[int] = []
    signatures: list[bytes] = []
    with ThreadPoolExecutor(2) as pool, (stored / "pixels.u8").open("wb") as out:
        for row, decoded in enumerate(pool.map(lambda path: _decode(path, side), files)):
            if decoded is not None:
                kept.append(row)
                signatures.append(decoded[1])
                out.write(decoded[0].tobytes())
    np.save(stored / "kept.npy", np.array(kept, np.int64))
    np.save(
        stored / "signatures.npy",
        np.frombuffer(b"".join(signatures), np.uint8).reshape(len(kept), SIGNATURE_BYTES),
    )
    (stored / "done").touch()


def _decode(path: Path, side: int) -> tuple[npt.NDArray[np.uint8], bytes] | None:
    try:
        decoded = photo.decode(path.read_bytes()).pixels
    except PhotoError:
        return None
    pixels = photo.fit(decoded, side)
    return np.dstack([pixels, subject_mask(pixels)]), near_duplicates.signature(decoded)


def subject_mask(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Tell a subject from the plain white that it was photographed on.

    Args:
        pixels: uint8 (h, w, 3) RGB.

    Returns:
        uint8 (h, w): 0 on white that touches the border, 255 elsewhere; 255 everywhere when the photo has no
        such background.
    """
    white, _ = ndimage.label(pixels.min(axis=2) >= _WHITE)
    border = np.unique(np.concatenate([white[0], white[-1], white[:, 0], white[:, -1]]))
    background = np.isin(white, border[border > 0])
    if not _MIN_WHITE_SHARE <= background.mean() <= _MAX_WHITE_SHARE:
        return np.full(pixels.shape[:2], 255, np.uint8)
    return np.where(ndimage.binary_dilation(background), 0, 255).astype(np.uint8)


def write_split(photos: Photos, path: Path) -> None:
    """Write down which photo was trained on and which kept apart: path, group, part."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "group", "part"])
        for name, group, validation in zip(
            photos.paths, photos.groups.tolist(), photos.validation.tolist(), strict=True
        ):
            writer.writerow([name, group, "validation" if validation else "training"])


def part_of_groups(photos: Photos, rows: npt.NDArray[np.int64], share: float) -> npt.NDArray[np.int64]:
    """Keep a share of the near-duplicate groups; a larger share holds all that a smaller one does.

    Raises:
        SettingsError: the share is not in 0..1 or leaves nothing.
    """
    order = np.random.default_rng(0).permutation(int(photos.groups.max()) + 1)
    kept = rows[order[photos.groups[rows]] < share * len(order)]
    if not 0 < share <= 1 or not len(kept):
        raise SettingsError(f"--photos-share takes more than 0 and at most 1, such as 0.25; got {share}.")
    return kept


def sampling_weights(photos: Photos, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Probability of drawing each row, so that every fruit and every kind of photo counts.

    A photo's weight is kind ** -0.25 x fruit ** -0.5 x group ** -0.3, with the numbers of photos of its kind,
    of its fruit in that kind and of its near-duplicate group: rare kinds, rare fruits and photos without
    twins are drawn more often than they occur, though not so often that a few photos are learned by heart.
    Each folder of photos that show no fruit counts like a fruit.
    """
    kinds = photos.kinds
    subjects = [
        label.fruit if label.is_fruit else path.rpartition("/")[0]
        for label, path in zip(photos.labels, photos.paths, strict=True)
    ]
    keys = [(kinds[row], subjects[row]) for row in rows]
    of_kind, of_fruit = Counter(kind for kind, _ in keys), Counter(keys)
    groups = photos.groups[rows].tolist()
    of_group = Counter(groups)
    weights = np.array(
        [
            of_kind[key[0]] ** -0.25 * of_fruit[key] ** -0.5 * of_group[own] ** -0.3
            for key, own in zip(keys, groups, strict=True)
        ]
    )
    return weights / weights.sum()
