"""What the routes of one application share."""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from api.cores import Cores
from api.live_bundle import LiveBundle
from api.settings import Settings

KEY = "fruits"


@dataclass(frozen=True)
class Service:
    """Settings, the bundle that answers, and the cores that work."""

    settings: Settings
    live: LiveBundle
    cores: Cores


def service() -> Service:
    """Give the service of the current application."""
    return cast(Service, current_app.extensions[KEY])
