"""Which photos of a build are kept apart to measure it with."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from models import near_duplicates
from models.records import Label

Booleans = npt.NDArray[np.bool_]


def keep_apart(
    signatures: Sequence[bytes], labels: Sequence[Label]
) -> tuple[npt.NDArray[np.int64], Booleans]:
    """Split photos by near-duplicate group.

    A fruit of which most photos would be kept apart keeps them all: it could not be learned otherwise.

    Returns:
        int64 (n,) groups and bool (n,) photos kept apart.
    """
    groups = near_duplicates.group(signatures)
    apart = near_duplicates.held_out(groups, signatures)
    total = Counter(label.fruit for label in labels)
    taken = Counter(label.fruit for label, own in zip(labels, apart.tolist(), strict=True) if own)
    scarce = {fruit for fruit, count in taken.items() if count > total[fruit] / 2}
    return groups, apart & ~np.array([label.fruit in scarce for label in labels], bool)


def unseen(groups: npt.NDArray[np.int64], images: Sequence[str], known: Collection[str]) -> Booleans:
    """Photos of groups that have no member among the known images: bool (n,)."""
    seen = {name for name, image in zip(groups.tolist(), images, strict=True) if image in known}
    return np.array([name not in seen for name in groups.tolist()], bool)
