"""`GET /fruits` and `GET /fruits/<id>`."""

import pytest
from fake_service import CATALOGUE
from flask.testing import FlaskClient


def test_the_list_says_what_the_bundle_can_name(client: FlaskClient) -> None:
    entries = {entry["id"]: entry for entry in client.get("/fruits").get_json()["fruits"]}
    assert len(entries) > 50
    assert entries["apple"] == {
        "id": "apple",
        "name": "Apple",
        "scientific_name": "Malus domestica",
        "identifiable": True,
    }
    assert entries["dekopon"]["scientific_name"] is None
    assert [fruit for fruit, entry in entries.items() if entry["identifiable"]] == ["apple", "lemon"]


def test_the_list_is_searched_in_any_language_and_answered_in_the_one_asked_for(client: FlaskClient) -> None:
    response = client.get("/fruits?lang=fr&q=GRANNY")
    assert [entry["name"] for entry in response.get_json()["fruits"]] == ["Pomme"]
    assert response.headers["Content-Language"] == "fr"


def test_a_search_without_result_is_an_empty_list(client: FlaskClient) -> None:
    assert client.get("/fruits?q=zzz").get_json() == {"fruits": []}


def test_a_fruit_is_told_in_the_language_asked_for(client: FlaskClient) -> None:
    response = client.get("/fruits/apple", headers={"Accept-Language": "fr"})
    assert response.get_json() == CATALOGUE.fruit("apple", "fr")
    assert response.headers["Content-Language"] == "fr"
    assert response.headers["Vary"] == "Accept-Language, Accept-Encoding"


@pytest.mark.parametrize("lang", CATALOGUE.languages)
def test_every_fruit_is_answered_as_described(client: FlaskClient, lang: str) -> None:
    for fruit in CATALOGUE.fruit_ids:
        assert client.get(f"/fruits/{fruit}?lang={lang}").status_code == 200


@pytest.mark.parametrize("id", ["nonsense", "Apple", "apple%00", "not_fruit", "..", "é" * 300])
def test_a_fruit_that_nobody_knows_is_not_found(client: FlaskClient, id: str) -> None:
    response = client.get(f"/fruits/{id}")
    assert (response.status_code, response.get_json(force=True)["code"]) == (404, "fruit_not_found")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/fruits?lang=e", "invalid_lang"),
        ("/fruits/apple?lang=!", "invalid_lang"),
        ("/fruits?q=" + "a" * 101, "invalid_q"),
    ],
)
def test_a_malformed_query_is_refused(client: FlaskClient, path: str, code: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.get_json(force=True)["code"]) == (400, code)
