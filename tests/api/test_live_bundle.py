"""The bundle is loaded behind the service's back, again and again until it is there."""

import threading
from pathlib import Path
from typing import Any

import pytest
from fake_service import FakeIdentifier

from api.live_bundle import LiveBundle, load_identifier
from api.problems import Refusal
from api.settings import Settings
from models.errors import BundleCorrupt, FruitsError, StoreEmpty, StoreUnavailable


def test_it_tries_again_until_there_is_a_bundle() -> None:
    loaded = threading.Event()
    outcomes: list[Any] = [
        StoreUnavailable("gone"),
        ValueError("not even a deliberate error"),
        FakeIdentifier(),
    ]

    def load() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        loaded.set()
        return outcome

    live = LiveBundle(load, retry_s=0.01)
    live.start(wait_s=30)
    assert loaded.wait(30)
    assert not outcomes


def test_until_then_it_refuses_with_a_time_to_come_back() -> None:
    def load() -> Any:
        raise BundleCorrupt("network.tflite is altered")

    live = LiveBundle(load, retry_s=60)
    live.start(wait_s=30)
    assert live.peek() is None
    with pytest.raises(Refusal) as refused:
        live.take()
    assert (refused.value.code, refused.value.headers) == ("not_ready", {"Retry-After": "60"})
    live.stop()


def test_a_start_does_not_wait_for_a_store_that_hangs() -> None:
    release = threading.Event()

    def load() -> Any:
        release.wait(30)
        raise StoreUnavailable("gone")

    live = LiveBundle(load, retry_s=60)
    live.start(wait_s=0)
    assert live.peek() is None
    live.stop()
    release.set()


def test_an_empty_store_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(StoreEmpty, match="publish one"):
        load_identifier(Settings(store=str(tmp_path)))


def test_a_store_that_is_not_there_is_a_deliberate_error(tmp_path: Path) -> None:
    with pytest.raises(FruitsError):
        load_identifier(Settings(store=str(tmp_path / "nowhere")))
