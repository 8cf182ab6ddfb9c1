"""What anybody may keep is kept, and asked for again by its ETag."""

from collections.abc import Callable
from typing import Any

import pytest
from fake_service import FakeIdentifier
from flask.testing import FlaskClient

KEPT = ["/fruits", "/fruits?q=pom", "/fruits/apple", "/privacy", "/openapi.json", "/docs", "/docs/start.js"]


@pytest.mark.parametrize("path", KEPT)
def test_what_has_not_changed_is_not_sent_again(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    assert first.cache_control.public
    assert first.cache_control.max_age > 0
    etag = first.headers["ETag"]
    again = client.get(path, headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again.headers[name] == first.headers[name]
    assert client.head(path, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("path", KEPT)
def test_what_the_client_does_not_have_is_sent(client: FlaskClient, path: str) -> None:
    assert client.get(path, headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_an_etag_stands_for_one_language_and_one_search(client: FlaskClient) -> None:
    paths = ["/fruits", "/fruits?lang=fr", "/fruits?q=pom", "/fruits/apple", "/fruits/apple?lang=fr"]
    assert len({client.get(path).headers["ETag"] for path in paths}) == len(paths)
    french = client.get("/fruits/apple", headers={"Accept-Language": "fr"})
    assert french.headers["ETag"] == client.get("/fruits/apple?lang=fr").headers["ETag"]
    assert "Accept-Language" in french.headers["Vary"]


def test_another_bundle_that_names_other_fruits_has_another_etag(
    identifier: FakeIdentifier, client: FlaskClient
) -> None:
    before = client.get("/fruits").headers["ETag"]
    assert client.get("/fruits").headers["ETag"] == before
    identifier.fruits = frozenset({"apple"})  # type: ignore[misc]
    assert client.get("/fruits", headers={"If-None-Match": before}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/version", "/nowhere", "/fruits/nonsense"])
def test_what_is_true_of_the_moment_is_not_kept(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers


def test_an_answer_to_a_photo_is_not_kept(
    client: FlaskClient, form: Callable[..., dict[str, Any]], jpeg: bytes
) -> None:
    response = client.post("/identify", **form(jpeg))
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers
