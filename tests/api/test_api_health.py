"""What machines ask, with and without a bundle."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from api import create_app
from api.live_bundle import LiveBundle
from api.openapi import VERSION
from api.settings import Settings
from models.errors import StoreUnavailable

BUNDLE = {"version": "20261122T181500Z-3f9a1c", "network": "fruitnet-1"}


@pytest.fixture
def waiting_client(client: FlaskClient) -> FlaskClient:
    """Give a client of an application whose store does not answer."""

    def unreachable() -> None:
        raise StoreUnavailable("s3://bucket does not answer")

    live = LiveBundle(unreachable, retry_s=60)  # type: ignore[arg-type]
    live.start(wait_s=30)
    app = create_app(Settings(), live)
    app.test_client_class = type(client)
    return app.test_client()


def test_a_service_with_a_bundle_is_alive_ready_and_says_what_it_is(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json() == {"status": "ready", "bundle": BUNDLE}
    assert client.get("/version").get_json() == {"version": VERSION, "bundle": BUNDLE}


def test_a_service_without_a_bundle_is_alive_but_not_ready(waiting_client: FlaskClient) -> None:
    assert waiting_client.get("/healthz").status_code == 200
    assert waiting_client.get("/version").get_json() == {"version": VERSION, "bundle": None}
    response = waiting_client.get("/readyz")
    assert (response.status_code, response.get_json(force=True)["code"]) == (503, "not_ready")
    assert response.headers["Retry-After"] == "60"


@pytest.mark.parametrize("path", ["/fruits", "/fruits/apple"])
def test_facts_wait_for_the_bundle(waiting_client: FlaskClient, path: str) -> None:
    assert waiting_client.get(path).status_code == 503


def test_photos_wait_for_the_bundle(
    waiting_client: FlaskClient, form: Callable[..., dict[str, object]], jpeg: bytes
) -> None:
    response = waiting_client.post("/identify", **form(jpeg))
    assert (response.status_code, response.get_json(force=True)["code"]) == (503, "not_ready")
