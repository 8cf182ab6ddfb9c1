"""A small identifier with the kernel's interface: real decoding, real catalogue, answers written by hand."""

import threading
from collections.abc import Sequence
from typing import Any

from flask import Flask

from api import create_app
from api.live_bundle import LiveBundle
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


def make_app(settings: Settings | None = None, identifier: Any = None) -> Flask:
    """Make the application around a fake identifier; gunicorn calls it without arguments."""
    if identifier is None:
        configure_logging()
    live = LiveBundle(lambda: identifier or FakeIdentifier(), retry_s=60)
    live.start(wait_s=30)
    return create_app(settings or Settings.from_environ(), live)
