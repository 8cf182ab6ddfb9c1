"""Packed where it pays, and plain where it does not or where the client wants it so."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import compression


def test_an_answer_is_packed_for_a_client_that_takes_it(
    client: FlaskClient, form: Callable[..., dict[str, Any]], jpeg: bytes
) -> None:
    client.application.test_client_class = None  # the checking client reads plain answers only
    asking = client.application.test_client()
    plain = asking.post("/identify", **form(jpeg))
    packed = asking.post("/identify", **form(jpeg), headers={"Accept-Encoding": "gzip, deflate, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    answers = [json.loads(text) for text in (plain.data, gzip.decompress(packed.data))]
    for answer in answers:
        del answer["timing_ms"]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("asked", "encoding"),
    [
        ("gzip", "gzip"),
        ("*", "gzip"),
        ("br, gzip;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("br", None),
        ("", None),
        ("gzip;q=0.2, identity;q=0.8", None),
    ],
)
def test_the_client_says_whether(client: FlaskClient, asked: str, encoding: str | None) -> None:
    client.application.test_client_class = None
    response = client.application.test_client().get("/fruits", headers={"Accept-Encoding": asked})
    assert response.headers.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in response.headers["Vary"]


@pytest.mark.parametrize("path", ["/healthz", "/version", "/nowhere"])
def test_what_is_short_is_not_packed(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert len(response.data) < compression.LEAST_BYTES
    assert "Content-Encoding" not in response.headers


def test_head_and_a_conditional_request_agree_with_get(client: FlaskClient) -> None:
    client.application.test_client_class = None
    asking, headers = client.application.test_client(), {"Accept-Encoding": "gzip"}
    got = asking.get("/fruits", headers=headers)
    head = asking.head("/fruits", headers=headers)
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    plain = asking.get("/fruits", headers={"If-None-Match": got.headers["ETag"]})
    assert plain.status_code == 304


def test_what_is_made_of_a_photo_does_not_outlive_its_answer(
    client: FlaskClient, form: Callable[..., dict[str, Any]], jpeg: bytes
) -> None:
    client.application.test_client_class = None
    kept = compression._pack_once.cache_info().currsize
    asking = client.application.test_client()
    response = asking.post("/identify", **form(jpeg), headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert compression._pack_once.cache_info().currsize == kept
