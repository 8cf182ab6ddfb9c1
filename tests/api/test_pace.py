"""Waits between looks at the store."""

import pytest

from api.pace import Pace


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


def test_failures_in_a_row_wait_twice_as_long_each_time_up_to_two_minutes() -> None:
    pace = Pace(poll_s=30, retry_s=10, uniform=longest)
    assert [pace.after_failure() for _ in range(6)] == [10, 20, 40, 80, 120, 120]
    assert [pace.after_failure() for _ in range(2000)][-1] == 120


def test_a_success_forgets_the_failures() -> None:
    pace = Pace(poll_s=30, retry_s=10, uniform=longest)
    pace.after_failure()
    pace.after_failure()
    assert pace.after_success() == pytest.approx(33)
    assert pace.after_failure() == 10


def test_a_first_wait_above_the_longest_is_kept() -> None:
    pace = Pace(poll_s=30, retry_s=600, uniform=longest)
    assert [pace.after_failure() for _ in range(3)] == [600, 600, 600]


def test_waits_vary_within_their_bounds() -> None:
    pace = Pace(poll_s=30, retry_s=10, uniform=shortest)
    assert (pace.after_success(), pace.after_failure(), pace.after_failure()) == (27, 5, 10)
    varied = {Pace(poll_s=30, retry_s=10).after_failure() for _ in range(200)}
    assert len(varied) > 100
    assert all(5 <= wait_s <= 10 for wait_s in varied)
