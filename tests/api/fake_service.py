"""A small identifier with the kernel's interface: real decoding, real catalogue, answers written by hand."""

import threading
from collections.abc import Sequence
from typing import Any

from flask import Flask

from api import create_app
from api.live_bundle import LiveBundle
from api.pace import Pace
from api.request_log import configure_logging
from api.settings import Settings
from models.catalogue import Catalogue
from models.errors import PhotoError
from models.photo import PhotoLimits, decode
from models.records import (
    Answer,
    FruitScore,
    Identification,
    IsFruit,
    PhotoReport,
    Rank,
    Similar,
    VarietyScore,
)
from models.store import Pointer

# "dekopon" is a fruit that somebody's corpus may hold and that has no facts.
CATALOGUE = Catalogue.default().with_fruits(["dekopon"])


class FakeIdentifier:
    """Decodes for real; says `answer`, raises `failure` or waits for `open_gate` where a test wants it."""

    version = "20261122T181500Z-3f9a1c"
    network = "fruitnet-1"
    fruits = frozenset({"apple", "lemon"})

    def __init__(self) -> None:
        self.catalogue = CATALOGUE
        self.answer = Answer(Rank.VARIETY, "apple/granny-smith", 0.81239)
        self.advice: tuple[str, ...] = ()
        self.failure: Exception | None = None
        self.open_gate = threading.Event()
        self.open_gate.set()
        self.entered = threading.Semaphore(0)

    def identify(
        self, photos: Sequence[bytes], *, top: int = 5, limits: PhotoLimits = PhotoLimits()
    ) -> Identification:
        self.entered.release()
        assert self.open_gate.wait(30)
        if self.failure is not None:
            raise self.failure
        reports = []
        for index, data in enumerate(photos):
            try:
                photo = decode(data, limits=limits)
            except PhotoError as error:
                error.photo_index = index
                raise
            reports.append(PhotoReport(photo.width, photo.height, not self.advice, self.advice))
        similar = (Similar("phone/Apple/Granny-Smith/12", 0.87654321, "somebody"),)
        results = (
            FruitScore("apple", 0.93339, (VarietyScore("apple/granny-smith", 0.81239),), similar),
            FruitScore("lemon", 0.06661),
        )
        timing = {"decode": 1.23, "embed": 2.34, "search": 0.47}
        return Identification(IsFruit(0.98, 0.5, True), self.answer, results[:top], tuple(reports), timing)


class FakeSource:
    """A source whose looks have the first of some outcomes until a test says `advance`.

    An outcome is an identifier to be loaded, None for an empty store, an exception that the store raises, or
    a pair of version and exception that loading that version raises. Each has a pointer of its own.
    """

    moves = True

    def __init__(self, outcomes: Sequence[Any], last_good: Any = None) -> None:
        self._outcomes = list(outcomes)
        self._shown: Any = None
        self._last_good = last_good
        self._changed = threading.Condition()
        self.looks = 0
        self.loaded: list[str] = []

    def last_good(self) -> Any:
        if isinstance(self._last_good, Exception):
            raise self._last_good
        return self._last_good

    def current(self) -> Pointer | None:
        outcome = self._shown = self._outcomes[0]
        with self._changed:
            self.looks += 1
            self._changed.notify_all()
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None:
            return None
        version = outcome[0] if isinstance(outcome, tuple) else outcome.version
        return Pointer(version, etag=str(len(self._outcomes)))

    def load(self, version: str) -> Any:
        self.loaded.append(version)
        if isinstance(self._shown, tuple):
            raise self._shown[1]
        return self._shown

    def advance(self) -> None:
        """Go to the next outcome and wait until all that comes of it is done."""
        self._outcomes.pop(0)
        # One look may have begun before; the second is over when the third begins.
        self.wait_for_looks(3)

    def wait_for_looks(self, count: int) -> None:
        """Wait until the source was asked `count` times more."""
        with self._changed:
            goal = self.looks + count
            assert self._changed.wait_for(lambda: self.looks >= goal, timeout=30)


def make_app(settings: Settings | None = None, identifier: Any = None) -> Flask:
    """Make the application around a fake identifier; gunicorn calls it without arguments."""
    if identifier is None:
        configure_logging()
    live = LiveBundle(FakeSource([identifier or FakeIdentifier()]), Pace(60, 60))
    live.start(wait_s=30)
    return create_app(settings or Settings.from_environ(), live)
