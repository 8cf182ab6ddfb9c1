"""Apps in browsers: those whose origin is set may ask, and no others."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

APP, OTHER = "https://app.example", "capacitor://localhost"


@pytest.fixture
def client(new_client: Callable[..., FlaskClient]) -> FlaskClient:
    return new_client(cors_origins=f"{APP}, {OTHER}", rate_limit="1/minute")


def preflight(client: FlaskClient, origin: str, path: str = "/identify") -> Any:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-request-id"}
    return client.options(path, headers={"Origin": origin, **asked})


@pytest.mark.parametrize("origin", [APP, OTHER])
def test_a_browser_that_asks_first_is_told_yes(client: FlaskClient, origin: str) -> None:
    response = preflight(client, origin)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "X-Request-Id" in response.headers["Access-Control-Allow-Headers"]
    assert response.headers["Access-Control-Max-Age"] == "600"
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_an_answer_may_be_read_with_its_headers(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    response = client.post("/identify", **form(jpeg), headers={"Origin": APP})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == APP
    exposed = response.headers["Access-Control-Expose-Headers"]
    assert {"X-Request-Id", "RateLimit", "Retry-After", "ETag"} <= set(exposed.split(", "))


def test_errors_may_be_read_too(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    statuses = [client.post("/identify", **form(jpeg), headers={"Origin": APP}) for _ in range(2)]
    assert [response.status_code for response in statuses] == [200, 429]
    missing = client.get("/fruits/nonsense", headers={"Origin": APP})
    for response in (*statuses, missing):
        assert response.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://app.example.evil",
        "https://appXexample",
        "http://app.example",
        "null",
        "*",
    ],
)
def test_other_origins_are_not_let_in(client: FlaskClient, origin: str) -> None:
    for response in (preflight(client, origin), client.get("/fruits", headers={"Origin": origin})):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_a_cache_never_gives_one_origin_the_answer_of_another(client: FlaskClient) -> None:
    for headers in ({}, {"Origin": APP}, {"Origin": "https://evil.example"}):
        assert "Origin" in client.get("/fruits", headers=headers).headers["Vary"].split(", ")


def test_without_origins_nobody_is_let_in(new_client: Callable[..., FlaskClient]) -> None:
    client = new_client()
    for response in (preflight(client, APP), client.get("/fruits", headers={"Origin": APP})):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
