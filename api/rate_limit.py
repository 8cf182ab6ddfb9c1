"""So many identifications a client network and span of time; off unless a rate is set.

Counted in this process alone and by truncated address, as logs show it: workers share nothing, and no whole
address is kept. The fields are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, g, request

from api.problems import Refusal
from api.request_log import truncated_address
from api.setting_values import Rate

LIMITED = ("POST", "/identify")
POLICY = "identify"
# Some 10 MB at most. A flood from more networks than this pushes out the oldest window.
MAX_NETWORKS = 50_000


@dataclass(frozen=True)
class Quota:
    """What a client has left.

    Attributes:
        allowed: whether this request was within the rate.
        remaining: requests left in this window.
        reset_s: seconds until the window ends, at least 1.
    """

    allowed: bool
    remaining: int
    reset_s: int


class RateLimit:
    """Counts requests in windows that begin with a network's first request.

    Args:
        rate: what a network may do.
        clock: a monotonic clock, in seconds.
        max_networks: networks remembered at the same time.
    """

    def __init__(
        self, rate: Rate, clock: Callable[[], float] = time.monotonic, max_networks: int = MAX_NETWORKS
    ) -> None:
        self.rate = rate
        self._clock = clock
        self._max_networks = max_networks
        self._lock = threading.Lock()
        # Network to the end of its window and the requests in it; the first to end comes first.
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, network: str) -> Quota:
        """Count one request of a network."""
        now = self._clock()
        with self._lock:
            self._forget(now)
            ends, count = self._windows.get(network, (now + self.rate.window_s, 0))
            allowed = count < self.rate.requests
            self._windows[network] = (ends, count + allowed)
        return Quota(allowed, self.rate.requests - count - allowed, max(1, math.ceil(ends - now)))

    def _forget(self, now: float) -> None:
        while self._windows:
            network, (ends, _) = next(iter(self._windows.items()))
            if ends > now and len(self._windows) < self._max_networks:
                return
            del self._windows[network]


def install(app: Flask, rate: Rate) -> None:
    """Hold every client network to a rate, and tell clients in every answer what they have left."""
    limit = RateLimit(rate)

    @app.before_request
    def count() -> None:
        if (request.method, request.path) != LIMITED:
            return
        g.quota = limit.take(truncated_address(request.remote_addr) or "")
        if not g.quota.allowed:
            raise Refusal(
                "rate_limited",
                f"More than {rate.requests} requests in {rate.window_s} seconds from your network. "
                f"Try again in {g.quota.reset_s} seconds.",
                {"Retry-After": str(g.quota.reset_s)},
            )

    @app.after_request
    def tell(response: Response) -> Response:
        if "quota" in g:
            response.headers["RateLimit-Policy"] = f'"{POLICY}";q={rate.requests};w={rate.window_s}'
            response.headers["RateLimit"] = f'"{POLICY}";r={g.quota.remaining};t={g.quota.reset_s}'
        return response
