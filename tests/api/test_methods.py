"""HEAD, OPTIONS and methods that nobody takes, on every route."""

from collections.abc import Iterator
from typing import Any

import pytest
from fake_service import make_app
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from api.settings import Settings

ARGUMENTS = {"id": "apple", "file": "start.js"}
# They say what is true of one moment or of one request.
OF_THE_MOMENT = {"X-Request-Id", "Date", "RateLimit", "Content-Length"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def paths(app: Flask) -> Iterator[tuple[str, Rule]]:
    for rule in app.url_map.iter_rules():
        built = app.url_map.bind("").build(rule.endpoint, {name: ARGUMENTS[name] for name in rule.arguments})
        yield built, rule


@pytest.fixture
def routes(client: FlaskClient) -> list[tuple[str, Rule]]:
    found = list(paths(client.application))
    assert len(found) >= 8
    return found


def headers_of(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.headers if name not in OF_THE_MOMENT}


def test_head_gives_the_headers_of_get_and_no_body(client: FlaskClient, routes: Any) -> None:
    for path, rule in routes:
        if "GET" not in rule.methods:
            assert client.head(path).status_code == 405
            continue
        got, asked = client.get(path), client.head(path)
        assert (asked.status_code, asked.data) == (got.status_code, b"")
        assert headers_of(asked) == headers_of(got)
        if path not in ("/readyz", "/version"):  # times of varying length
            assert asked.headers["Content-Length"] == got.headers["Content-Length"]


def test_options_gives_the_methods_allowed_and_nothing_else(client: FlaskClient, routes: Any) -> None:
    for path, rule in routes:
        response = client.options(path)
        assert (response.status_code, response.data) == (204, b"")
        assert set(response.headers["Allow"].split(", ")) == rule.methods
        assert "Content-Type" not in response.headers


def test_other_methods_are_refused_with_those_allowed(client: FlaskClient, routes: Any) -> None:
    for path, rule in routes:
        for method in METHODS - rule.methods - {"HEAD"}:
            response = client.open(path, method=method)
            assert (response.status_code, response.get_json(force=True)["code"]) == (
                405,
                "method_not_allowed",
            )
            assert set(response.headers["Allow"].split(", ")) == rule.methods


def test_the_fixture_sees_the_routes_of_the_product() -> None:
    assert {"/identify", "/fruits", "/privacy", "/docs"} <= {path for path, _ in paths(make_app(Settings()))}
