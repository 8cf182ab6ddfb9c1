"""What happens to a photo is told in five languages, whole, and as this service is set up."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.privacy import words

LANGUAGES = ("en", "fr", "es", "de", "it")
GDPR = (Path(__file__).resolve().parents[2] / "docs/gdpr.md").read_text(encoding="utf-8")


def shape(value: Any, at: str = "") -> Iterator[tuple[str, bool]]:
    """Give each place of a text, and whether something stands there."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from shape(value[key], f"{at}/{key}")
    else:
        yield at, value is not None


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif value is not None:
        yield value


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_is_told_in_the_language_asked_for(client: FlaskClient, lang: str) -> None:
    response = client.get("/privacy", headers={"Accept-Language": f"{lang}-XX, en;q=0.5"})
    body = response.get_json()
    assert body["lang"] == response.headers["Content-Language"] == lang
    assert body["title"] == words()[lang]["title"]
    assert [statement["id"] for statement in body["statements"]] == [
        *("photo", "metadata", "address", "request", "nothing_else", "rights"),
    ]


def test_a_language_that_is_not_had_is_answered_in_english(client: FlaskClient) -> None:
    assert client.get("/privacy?lang=pt").get_json()["lang"] == "en"


def test_no_language_is_left_half_done() -> None:
    assert tuple(words()) == LANGUAGES
    assert len({tuple(shape(words()[lang])) for lang in LANGUAGES}) == 1
    for lang in LANGUAGES:
        said = list(texts(words()[lang]))
        assert all(text == text.strip() and len(text) > 5 for text in said)
        if lang != "en":
            assert not set(said) & set(texts(words()["en"]))


def test_the_count_of_requests_is_told_where_requests_are_counted(
    client: FlaskClient, new_client: Callable[..., FlaskClient]
) -> None:
    def told(client: FlaskClient) -> set[str]:
        return {statement["id"] for statement in client.get("/privacy").get_json()["statements"]}

    assert told(new_client(rate_limit="60/minute")) - told(client) == {"count"}


def test_who_runs_the_service_is_told_where_they_say_so(
    client: FlaskClient, new_client: Callable[..., FlaskClient]
) -> None:
    assert client.get("/privacy").get_json()["contact"] is None
    contact = "Fruits SARL, privacy@example.org"
    assert new_client(privacy_contact=contact).get("/privacy").get_json()["contact"] == contact


def test_it_says_what_is_written_for_those_who_run_it() -> None:
    for kept in ("/24 of IPv4", "/48 of IPv6", "no account, no cookie"):
        assert kept in GDPR
        assert any(kept in text for text in texts(words()["en"]))


def test_it_is_answered_without_a_bundle(new_client: Callable[..., FlaskClient]) -> None:
    client = new_client()
    client.application.extensions["fruits"].live._served = None
    assert client.get("/readyz").status_code == 503
    assert client.get("/privacy").status_code == 200
