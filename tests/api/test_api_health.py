"""What machines ask: with and without a bundle, with and without its store."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_service import FakeIdentifier, FakeSource
from flask.testing import FlaskClient

from api import create_app
from api.live_bundle import LiveBundle
from api.openapi import VERSION
from api.pace import Pace
from api.settings import Settings
from models.errors import BundleCorrupt, StoreUnavailable

FIRST, SECOND = FakeIdentifier.version, "20261123T181500Z-3f9a1c"
BUNDLE = {"version": FIRST, "network": "fruitnet-1"}
GONE = StoreUnavailable("s3://bucket does not answer")


@pytest.fixture
def client_of(client: FlaskClient) -> Callable[..., FlaskClient]:
    """Make a checking client of an application that follows a source; it has looked once."""

    def make(source: Any) -> FlaskClient:
        live = LiveBundle(source, Pace(60, 60))
        live.start(wait_s=30)
        app = create_app(Settings(), live)
        app.test_client_class = type(client)
        return app.test_client()

    return make


@pytest.fixture
def waiting_client(client_of: Callable[..., FlaskClient]) -> FlaskClient:
    """Give a client of an application whose store does not answer."""
    return client_of(FakeSource([GONE]))


def state(client: FlaskClient, path: str) -> dict[str, Any]:
    """Give what a route says, its times checked and taken out."""
    body: dict[str, Any] = client.get(path).get_json()
    for part, key in (("bundle", "since"), ("store", "asked_at")):
        if body[part]:
            said = datetime.fromisoformat(body[part].pop(key))
            assert timedelta(0) <= datetime.now(UTC) - said < timedelta(minutes=5)
    return body


def test_a_service_with_a_bundle_is_alive_ready_and_says_what_it_is(client: FlaskClient) -> None:
    store = {"answers": True, "current": FIRST, "problem": None}
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert state(client, "/readyz") == {"status": "ready", "bundle": BUNDLE, "store": store}
    assert state(client, "/version") == {"version": VERSION, "bundle": BUNDLE, "store": store}


def test_a_service_without_a_bundle_is_alive_but_not_ready(waiting_client: FlaskClient) -> None:
    assert waiting_client.get("/healthz").status_code == 200
    said = state(waiting_client, "/version")
    assert said["bundle"] is None
    assert said["store"] == {"answers": False, "current": None, "problem": "store_unavailable"}
    response = waiting_client.get("/readyz")
    assert (response.status_code, response.get_json(force=True)["code"]) == (503, "not_ready")
    assert response.headers["Retry-After"] == "60"


def test_a_service_whose_store_is_out_of_reach_is_ready_and_says_so(client_of: Any) -> None:
    client = client_of(FakeSource([GONE], last_good=FakeIdentifier()))
    store = {"answers": False, "current": None, "problem": "store_unavailable"}
    assert state(client, "/readyz") == {"status": "ready", "bundle": BUNDLE, "store": store}


def test_a_service_that_refused_the_current_bundle_says_which_and_why(client_of: Any) -> None:
    bad = (SECOND, BundleCorrupt("/secret/path/network.tflite is altered"))
    client = client_of(FakeSource([bad], last_good=FakeIdentifier()))
    store = {"answers": True, "current": SECOND, "problem": "bundle_corrupt"}
    assert state(client, "/version") == {"version": VERSION, "bundle": BUNDLE, "store": store}
    assert "secret" not in client.get("/version").text


def test_a_service_without_a_store_says_nothing_of_one(client_of: Any) -> None:
    source = FakeSource([FakeIdentifier()])
    source.moves = False
    assert state(client_of(source), "/readyz") == {"status": "ready", "bundle": BUNDLE, "store": None}


@pytest.mark.parametrize("path", ["/fruits", "/fruits/apple"])
def test_facts_wait_for_the_bundle(waiting_client: FlaskClient, path: str) -> None:
    assert waiting_client.get(path).status_code == 503


def test_photos_wait_for_the_bundle(
    waiting_client: FlaskClient, form: Callable[..., dict[str, object]], jpeg: bytes
) -> None:
    response = waiting_client.post("/identify", **form(jpeg))
    assert (response.status_code, response.get_json(force=True)["code"]) == (503, "not_ready")
