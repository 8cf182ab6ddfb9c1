"""Compares a new bundle with the current one on the same photos, and refuses one that is clearly worse.

McNemar's test looks only at the photos on which the two differ: were they equally good, each would win half
of those (https://doi.org/10.1007/BF02295996, exact form).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

MAX_LOSS = 0.02
SIGNIFICANCE = 0.05
MIN_PHOTOS = 50


@dataclass(frozen=True)
class Verdict:
    """Outcome of a comparison.

    Attributes:
        photos: that both answered.
        new_top1, current_top1: shares right, None without photos.
        p_value: of McNemar's test, two-sided.
        refused: whether the new bundle must not be published.
        text: one sentence for a person.
    """

    photos: int
    new_top1: float | None
    current_top1: float | None
    p_value: float | None
    refused: bool
    text: str


def compare(new_right: npt.NDArray[np.bool_], current_right: npt.NDArray[np.bool_]) -> Verdict:
    """Judge a new bundle by the photos that both bundles answered.

    Args:
        new_right, current_right: bool (n,), whether each bundle's best guess is the labelled fruit.
    """
    count = len(new_right)
    if count < MIN_PHOTOS:
        return Verdict(
            count,
            None,
            None,
            None,
            False,
            f"Only {count} photos are new to both bundles, too few to compare them (at least {MIN_PHOTOS}): "
            "published without a comparison.",
        )
    new, current = float(new_right.mean()), float(current_right.mean())
    won, lost = int((new_right & ~current_right).sum()), int((~new_right & current_right).sum())
    p_value = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    refused = current - new >= MAX_LOSS and p_value < SIGNIFICANCE
    outcome = "refused: it is clearly worse" if refused else "not clearly worse"
    text = (
        f"On {count} photos new to both, the new bundle is right on {new:.1%}, the current one on "
        f"{current:.1%} (McNemar p = {p_value:.3g}): {outcome}."
    )
    return Verdict(count, round(new, 4), round(current, 4), p_value, refused, text)
