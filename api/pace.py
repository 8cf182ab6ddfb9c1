"""How long to wait between two looks at the store: steady while it answers, ever longer while it fails."""

import secrets
from collections.abc import Callable

LONGEST_RETRY_S = 120.0
# 2 to this power times any sensible first wait is far above the longest one.
_MOST_DOUBLINGS = 16


class Pace:
    """Gives the waits of one poller; all of them vary at random, so that many pollers do not ask in step.

    Args:
        poll_s: seconds between two looks that go well; they vary by a tenth.
        retry_s: seconds after a first failure; doubled at each further one, to 2 minutes at most, or to
            itself where it is longer. They vary between half of that and the whole.
        uniform: gives a random number between two; from the system's own source if None.
    """

    def __init__(
        self,
        poll_s: float,
        retry_s: float,
        uniform: Callable[[float, float], float] | None = None,
    ) -> None:
        self.retry_s = retry_s
        self._poll_s = poll_s
        self._uniform = uniform or secrets.SystemRandom().uniform
        self._failures = 0

    def after_success(self) -> float:
        """Give the seconds to wait, and forget earlier failures."""
        self._failures = 0
        return self._poll_s * self._uniform(0.9, 1.1)

    def after_failure(self) -> float:
        """Give the seconds to wait after one more failure in a row."""
        doubled_s = self.retry_s * 2 ** min(self._failures, _MOST_DOUBLINGS)
        self._failures += 1
        return min(doubled_s, max(LONGEST_RETRY_S, self.retry_s)) * self._uniform(0.5, 1.0)
