"""The store goes away, comes back, names a broken bundle: the API serves the last good one throughout."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from examples.local_server import local_server
from models.locations import S3Options
from models.store import open_store
from tests.end_to_end.swap_bundles import WORKER_SETTINGS, ask, coloured_bundle, plain_photo, version_of
from tests.s3_server import REGION
from tests.sealed_bundle import write_bundle

PATIENCE_S = 120


class Outages:
    """An S3 server that can be switched off and on again; it keeps its objects and its port."""

    def __init__(self) -> None:
        self._port = 0
        self._server: ThreadedMotoServer | None = None

    def on(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]

    def off(self) -> None:
        if self._server is not None:
            with contextlib.suppress(RuntimeError):
                self._server.stop()
            self._server = None

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"


@pytest.fixture
def s3(aws_environment: pytest.MonkeyPatch) -> Iterator[Outages]:
    quiet = logging.getLogger("werkzeug")
    before = quiet.level
    quiet.setLevel(logging.ERROR)
    server = Outages()
    server.on()
    yield server
    server.off()
    quiet.setLevel(before)


def state_when(base: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until `/version` says something."""
    deadline = time.monotonic() + PATIENCE_S
    while not reached(state := version_of(base)):
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    return state


@pytest.mark.drill
@pytest.mark.timeout(600)
def test_the_last_good_bundle_serves_whatever_becomes_of_the_store(s3: Outages, tmp_path: Path) -> None:
    red, green = (coloured_bundle(tmp_path / colour, colour) for colour in ("red", "green"))
    broken = write_bundle(tmp_path / "broken", seed=1)
    client = boto3.client("s3", endpoint_url=s3.endpoint_url, region_name=REGION)
    client.create_bucket(Bucket="outages", CreateBucketConfiguration={"LocationConstraint": REGION})
    store = open_store("s3://outages/store", S3Options(endpoint_url=s3.endpoint_url, region=REGION))
    pointer = store.publish(red.folder, None)
    settings = {
        **WORKER_SETTINGS,
        "FRUITS_STORE": "s3://outages/store",
        "FRUITS_S3_ENDPOINT": s3.endpoint_url,
        "FRUITS_CACHE": str(tmp_path / "cache"),
        "FRUITS_WORKERS": "1",
    }
    log, photo = tmp_path / "server.log", plain_photo()

    with local_server(settings, log) as base:
        at_work = state_when(base, lambda state: state["store"] is not None)
        assert at_work["store"]["answers"] is True
        assert at_work["store"]["current"] == at_work["bundle"]["version"] == red.version
        s3.off()
        without = state_when(base, lambda state: not state["store"]["answers"])
        assert without["bundle"] == at_work["bundle"]
        assert without["store"]["problem"] == "store_unavailable"
        assert red.shown_by(ask(base, photo))

    with local_server(settings, log) as base:  # it starts while the store is out of reach
        assert red.shown_by(ask(base, photo))
        started = state_when(base, lambda state: state["store"] is not None)
        assert started["store"]["answers"] is False
        assert f"{red.version} goes on serving" in log.read_text("utf-8")
        s3.on()
        state_when(base, lambda state: state["store"]["answers"])
        pointer = store.publish(green.folder, pointer)
        state_when(base, lambda state: state["bundle"]["version"] == green.version)
        assert green.shown_by(ask(base, photo))
        pointer = store.publish(tmp_path / "broken", pointer)
        refused = state_when(base, lambda state: state["store"]["problem"])
        assert refused["store"]["answers"] is True
        assert refused["store"]["current"] == broken.version
        assert refused["bundle"]["version"] == green.version
        assert green.shown_by(ask(base, photo))

    with local_server(settings, log) as base:  # the current one is broken, so the last good one starts
        assert green.shown_by(ask(base, photo))
        store.promote(red.version, pointer)
        state_when(base, lambda state: state["bundle"]["version"] == red.version)
    kept = {path.parent.name for path in (tmp_path / "cache").glob("*/*/manifest.json")}
    assert kept == {red.version}
