"""What Prometheus may know: how many requests, how long they took, what was answered; nothing about whom.

Under gunicorn each worker writes its numbers into a folder that all share (api/metrics_server.py); elsewhere
they stay in this process, in `Metrics.registry`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from flask import Response, g, request

from api.live_bundle import LiveBundle
from models.records import Rank

STAGES = ("decode", "embed", "search", "total")
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
# Seconds: a search takes one millisecond, a 48-megapixel HEIC photo seconds, a slow sender half a minute.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BUNDLE_LOOK_S = 5.0


class Metrics:
    """The numbers of one process."""

    def __init__(self) -> None:
        # Not at the top of the module: when it is imported the library decides, by a variable that
        # gunicorn.conf.py sets later than that, whether numbers go into the shared folder.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._requests = Counter(
            "fruits_requests", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self._request_seconds = Histogram(
            "fruits_request_seconds",
            "From a request's headers to its answer, receiving the photo included.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "fruits_identify_seconds",
            "Stages of an identification; total includes waiting for a core.",
            ["stage"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._refusals = Counter(
            "fruits_refusals", "Requests answered with a problem.", ["code"], registry=self.registry
        )
        self._answers = Counter(
            "fruits_answers", "Identifications, by how far the answer commits itself.", ["rank"],
            registry=self.registry,
        )  # fmt: skip
        self._in_flight = Gauge(
            "fruits_photos_in_flight",
            "Photos received and not yet answered.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self._workers = Gauge(
            "fruits_bundle_workers",
            "Worker processes that answer from this bundle.",
            ["version", "network"],
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self._built = Gauge(
            "fruits_bundle_built_timestamp_seconds",
            "When the bundle that answers was built, the oldest of all workers: its age is time() - this.",
            multiprocess_mode="livemin",
            registry=self.registry,
        )
        self._bundle: tuple[str, str] | None = None
        for stage in STAGES:
            self._stage_seconds.labels(stage)
        for rank in Rank:
            self._answers.labels(rank.value)

    def count(self, response: Response, seconds: float) -> None:
        """Count one request, `seconds` after its headers came."""
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in METHODS else "other"
        self._requests.labels(route, method, str(response.status_code)).inc()
        self._request_seconds.labels(route).observe(seconds)
        if code := g.get("problem_code"):
            self._refusals.labels(code).inc()
        if rank := g.get("rank"):
            self._answers.labels(str(rank)).inc()
        for stage, milliseconds in g.get("timing_ms", {}).items():
            self._stage_seconds.labels(stage).observe(milliseconds / 1000)

    def count_refusal(self, route: str | None, method: str, status: int, code: str) -> None:
        """Count one request that was refused before the application saw it."""
        method = method if method in METHODS else "other"
        self._requests.labels(route or "none", method, str(status)).inc()
        self._refusals.labels(code).inc()

    @contextmanager
    def in_flight(self, photos: int) -> Iterator[None]:
        """Count photos as being worked on until the block ends."""
        self._in_flight.inc(photos)
        try:
            yield
        finally:
            self._in_flight.dec(photos)

    def follow(self, live: LiveBundle) -> None:
        """Say which bundle answers from now on, in a thread of this process: it changes between requests."""
        self.see(live)

        def look() -> None:
            pause = threading.Event()
            while not pause.wait(BUNDLE_LOOK_S):
                self.see(live)

        threading.Thread(target=look, name="metrics-bundle", daemon=True).start()

    def see(self, live: LiveBundle) -> None:
        """Note the bundle that answers now."""
        served = live.served
        if served is None:
            return
        bundle = served.identifier.version, served.identifier.network
        if bundle == self._bundle:
            return
        if self._bundle is not None:
            self._workers.labels(*self._bundle).set(0)
        self._workers.labels(*bundle).set(1)
        self._built.set(built_at(served.identifier.version).timestamp())
        self._bundle = bundle


def built_at(version: str) -> datetime:
    """Read the time of a build from a bundle's version, which begins with it."""
    return datetime.strptime(version.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
