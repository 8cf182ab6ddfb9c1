"""What the routes of one application share."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

from flask import current_app

from api.cores import Cores
from api.live_bundle import LiveBundle
from api.metrics import Metrics
from api.settings import Settings

KEY = "fruits"


@dataclass(frozen=True)
class Service:
    """Settings, the bundle that answers, the cores that work, and the numbers if somebody asks for them."""

    settings: Settings
    live: LiveBundle
    cores: Cores
    metrics: Metrics | None = None

    def in_flight(self, photos: int) -> AbstractContextManager[None]:
        """Count photos as being worked on until the block ends."""
        return self.metrics.in_flight(photos) if self.metrics else nullcontext()


def service() -> Service:
    """Give the service of the current application."""
    return cast(Service, current_app.extensions[KEY])
