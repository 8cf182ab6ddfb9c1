"""A clearly worse bundle is refused; a slightly worse or an unmeasurable one is not."""

import numpy as np
import pytest

from batch.gate import MIN_PHOTOS, compare


def answers(both: int, only_new: int, only_current: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    new = [True] * (both + only_new) + [False] * (only_current + neither)
    current = [True] * both + [False] * only_new + [True] * only_current + [False] * neither
    return np.array(new), np.array(current)


def test_a_clearly_worse_bundle_is_refused() -> None:
    verdict = compare(*answers(800, 10, 60, 130))

    assert verdict.refused
    assert (verdict.new_top1, verdict.current_top1) == (0.81, 0.86)
    assert "refused" in verdict.text


def test_a_better_bundle_passes() -> None:
    assert not compare(*answers(800, 60, 10, 130)).refused


def test_a_loss_below_two_points_passes_however_sure() -> None:
    verdict = compare(*answers(8000, 0, 150, 1850))

    assert verdict.p_value is not None
    assert verdict.p_value < 1e-9
    assert not verdict.refused


def test_a_loss_that_may_be_chance_passes() -> None:
    verdict = compare(*answers(90, 3, 6, 1))

    assert verdict.p_value == pytest.approx(0.5078125)  # 2 * (C(9,0) + ... + C(9,3)) / 2**9
    assert not verdict.refused


def test_equal_bundles_pass_with_p_one() -> None:
    assert compare(*answers(90, 0, 0, 10)).p_value == 1.0


def test_too_few_photos_pass_with_a_warning() -> None:
    verdict = compare(*answers(0, 0, MIN_PHOTOS - 1, 0))

    assert not verdict.refused
    assert verdict.new_top1 is None
    assert "too few" in verdict.text
