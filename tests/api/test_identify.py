"""`POST /identify`: the answer as designed, in the right language, and every bad input refused by name."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from fake_service import CATALOGUE
from flask.testing import FlaskClient

from api.identify import rounded
from models.records import Answer, Rank


def test_a_photo_is_answered_with_everything_the_design_promises(
    client: FlaskClient, form: Any, jpeg: bytes
) -> None:
    response = client.post("/identify", **form(jpeg))
    assert response.status_code == 200
    body = response.get_json()
    timing_ms = body.pop("timing_ms")
    assert timing_ms.pop("total") > 0
    assert timing_ms == {"decode": 1.2, "embed": 2.3, "search": 0.5}
    assert body == {
        "is_fruit": {"probability": 0.98, "threshold": 0.5, "binary": True},
        "answer": {"rank": "variety", "id": "apple/granny-smith", "name": "Granny Smith", "score": 0.8123},
        "results": [
            {
                "fruit": "apple",
                "name": "Apple",
                "scientific_name": "Malus domestica",
                "score": 0.9333,
                "varieties": [{"id": "apple/granny-smith", "name": "Granny Smith", "score": 0.8123}],
                "similar": [
                    {"image": "phone/Apple/Granny-Smith/12", "similarity": 0.8765, "credit": "somebody"}
                ],
                "info": "/fruits/apple",
            },
            {
                "fruit": "lemon",
                "name": "Lemon",
                "scientific_name": "Citrus x limon",
                "score": 0.0666,
                "varieties": [],
                "similar": [],
                "info": "/fruits/lemon",
            },
        ],
        "fruit": CATALOGUE.fruit("apple", "en"),
        "photos": [{"width": 64, "height": 48, "usable": True, "advice": []}],
        "bundle": {"version": "20261122T181500Z-3f9a1c", "network": "fruitnet-1"},
    }
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Language"] == "en"


def test_info_is_the_path_of_the_same_fruit(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    body = client.post("/identify", **form(jpeg)).get_json()
    assert client.get(body["results"][0]["info"]).get_json() == body["fruit"]


@pytest.mark.parametrize(
    ("answer", "name", "fruit"),
    [
        (Answer(Rank.FRUIT, "lemon", 0.7), "Lemon", "lemon"),
        (Answer(Rank.FAMILY, "citrus", 0.6), CATALOGUE.name("citrus", "en"), None),
        (Answer(Rank.UNKNOWN, None, 0.2), None, None),
    ],
)
def test_facts_go_with_a_fruit_and_cautions_with_every_answer(
    client: FlaskClient,
    identifier: Any,
    form: Any,
    jpeg: bytes,
    answer: Answer,
    name: str | None,
    fruit: str | None,
) -> None:
    identifier.answer = answer
    body = client.post("/identify", **form(jpeg)).get_json()
    assert body["answer"] == {"rank": answer.rank.value, "id": answer.id, "name": name, "score": answer.score}
    assert (body["fruit"] and body["fruit"]["id"]) == fruit
    cautions = body["cautions"] if fruit is None else body["fruit"]["cautions"]
    assert all(caution in cautions for caution in CATALOGUE.general_cautions("en"))
    assert CATALOGUE.general_cautions("en")
    assert len(body["results"]) == 2


@pytest.mark.parametrize("kind", ["image/jpeg", "image/heic", "application/octet-stream", "IMAGE/JPEG; x=y"])
def test_a_raw_body_is_a_photo_whatever_image_type_it_claims(
    client: FlaskClient, jpeg: bytes, kind: str
) -> None:
    assert client.post("/identify", data=jpeg, content_type=kind).status_code == 200


def test_five_photos_are_one_question(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    body = client.post("/identify", **form(*[jpeg] * 5)).get_json()
    assert len(body["photos"]) == 5


def test_top_limits_the_results(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    assert len(client.post("/identify?top=1", **form(jpeg)).get_json()["results"]) == 1


def test_an_unknown_query_parameter_is_ignored(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    assert client.post("/identify?utm_source=x", **form(jpeg)).status_code == 200


@pytest.mark.parametrize(
    ("query", "accept", "lang"),
    [
        ("?lang=fr", None, "fr"),
        ("?lang=FR-ca", "en", "fr"),
        ("?lang=pt", "fr", "en"),
        ("", "fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("", "pt, fr;q=0.5", "fr"),
        ("", "pt", "en"),
        ("", "fr;q=0", "en"),
        ("", ";;nonsense,,", "en"),
        ("", None, "en"),
    ],
)
def test_the_language_is_the_one_asked_for_or_english(
    client: FlaskClient, form: Any, jpeg: bytes, query: str, accept: str | None, lang: str
) -> None:
    headers = {"Accept-Language": accept} if accept else {}
    response = client.post(f"/identify{query}", **form(jpeg), headers=headers)
    assert response.headers["Content-Language"] == lang
    assert response.get_json()["results"][0]["name"] == {"en": "Apple", "fr": "Pomme"}[lang]


def test_advice_is_a_sentence_in_the_users_language(
    client: FlaskClient, identifier: Any, form: Any, jpeg: bytes
) -> None:
    identifier.advice = ("too_dark",)
    photo = client.post("/identify?lang=fr", **form(jpeg)).get_json()["photos"][0]
    assert photo["usable"] is False
    assert photo["advice"][0]["code"] == "too_dark"
    assert photo["advice"][0]["message"].startswith("La photo est trop sombre.")


def huge_png() -> bytes:
    """Write the header of a 30,000 x 30,000 PNG with a little data behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(90_001))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data", "status", "code"),
    [
        ("a text file", b"just some words\n" * 50, 415, "not_an_image"),
        ("an SVG", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', 415, "not_an_image"),
        ("a 30,000 x 30,000 PNG", huge_png(), 422, "too_large"),
    ],
)
def test_what_is_no_usable_photo_is_refused(
    client: FlaskClient, form: Any, name: str, data: bytes, status: int, code: str
) -> None:
    response = client.post("/identify", **form(data))
    assert (response.status_code, response.get_json(force=True)["code"]) == (status, code), name


def test_a_truncated_jpeg_is_refused_as_undecodable(client: FlaskClient, form: Any, make_photo: Any) -> None:
    whole = make_photo((400, 300))
    response = client.post("/identify", **form(whole[: len(whole) // 2]))
    assert (response.status_code, response.get_json(force=True)["code"]) == (422, "undecodable")


def test_a_tiny_photo_is_refused(client: FlaskClient, form: Any, make_photo: Any) -> None:
    response = client.post("/identify", **form(make_photo((8, 8))))
    assert (response.status_code, response.get_json(force=True)["code"]) == (422, "too_small")


def test_an_svg_sent_raw_under_its_own_type_is_refused(client: FlaskClient) -> None:
    response = client.post("/identify", data=b"<svg/>", content_type="image/svg+xml")
    assert (response.status_code, response.get_json(force=True)["code"]) == (415, "not_an_image")


def test_the_refusal_of_one_photo_of_several_says_which(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    problem = client.post("/identify", **form(jpeg, jpeg, b"words")).get_json(force=True)
    assert problem["code"] == "not_an_image"
    assert problem["detail"].startswith("Photo 3 of 3: ")


def test_no_file_is_refused(client: FlaskClient) -> None:
    nothing_chosen = (
        b'--x\r\nContent-Disposition: form-data; name="photo"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n"
    )
    for request in (
        {},
        {"data": b"", "content_type": "image/jpeg"},
        {"data": {}, "content_type": "multipart/form-data"},
        {"data": nothing_chosen, "content_type": "multipart/form-data; boundary=x"},
    ):
        response = client.post("/identify", **request)
        assert (response.status_code, response.get_json(force=True)["code"]) == (400, "no_photo")


def test_an_empty_file_is_refused(client: FlaskClient) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n\r\n'
    response = client.post(
        "/identify", data=part + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
    )
    assert (response.status_code, response.get_json(force=True)["code"]) == (400, "empty_photo")


def test_six_photos_are_refused(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    response = client.post("/identify", **form(*[jpeg] * 6))
    assert (response.status_code, response.get_json(force=True)["code"]) == (400, "too_many_photos")


@pytest.mark.parametrize("name", ["file", "image", "Photo", "photo[]"])
def test_a_field_of_another_name_is_refused_by_name(
    client: FlaskClient, form: Any, jpeg: bytes, name: str
) -> None:
    response = client.post("/identify", **form(jpeg, name=name))
    problem = response.get_json(force=True)
    assert (response.status_code, problem["code"]) == (400, "unexpected_field")
    assert repr(name) in problem["detail"]


def test_another_field_beside_the_photo_is_refused(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    request = form(jpeg)
    request["data"]["lang"] = "fr"
    response = client.post("/identify", **request)
    assert (response.status_code, response.get_json(force=True)["code"]) == (400, "unexpected_field")


def test_a_photo_sent_as_text_is_refused(client: FlaskClient) -> None:
    response = client.post("/identify", data={"photo": "words"}, content_type="multipart/form-data")
    assert (response.status_code, response.get_json(force=True)["code"]) == (400, "photo_not_a_file")


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_refused(client: FlaskClient, jpeg: bytes, kind: str) -> None:
    response = client.post("/identify", data=jpeg, content_type=kind)
    assert (response.status_code, response.get_json(force=True)["code"]) == (415, "unsupported_body")


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=é"]
)
def test_a_broken_multipart_body_is_refused(client: FlaskClient, kind: str) -> None:
    response = client.post("/identify", data=b"--x\r\nContent-Disposition: form-data", content_type=kind)
    assert (response.status_code, response.get_json(force=True)["code"]) == (400, "malformed_body")


@pytest.mark.parametrize("lang", ["", "f", "fr_FR", "français", "12", "../etc", "en;q=1", "a" * 200])
def test_a_malformed_language_is_refused(client: FlaskClient, form: Any, jpeg: bytes, lang: str) -> None:
    response = client.post("/identify", query_string={"lang": lang}, **form(jpeg))
    problem = response.get_json(force=True)
    assert (response.status_code, problem["code"]) == (400, "invalid_lang")
    assert "'lang'" in problem["detail"]


@pytest.mark.parametrize("top", ["0", "21", "-1", "five", "", "2.5", "1e1", "9" * 5000])
def test_a_number_of_results_out_of_range_is_refused(
    client: FlaskClient, form: Any, jpeg: bytes, top: str
) -> None:
    response = client.post("/identify", query_string={"top": top}, **form(jpeg))
    assert (response.status_code, response.get_json(force=True)["code"]) == (400, "invalid_top")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF"])
def test_every_image_format_is_answered(
    client: FlaskClient, form: Any, make_photo: Callable[..., bytes], kind: str
) -> None:
    assert client.post("/identify", **form(make_photo(kind=kind))).status_code == 200


def test_cmyk_16_bit_and_animated_photos_are_answered(client: FlaskClient, form: Any) -> None:
    import numpy as np
    from PIL import Image

    def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
        file = io.BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    frame = Image.new("RGB", (40, 40), "green")
    deep = Image.fromarray(np.arange(1600, dtype=np.uint16).reshape(40, 40) * 40)
    animation = saved(frame, "GIF", save_all=True, append_images=[Image.new("RGB", (40, 40), "red")])
    for data in (saved(frame.convert("CMYK"), "JPEG"), saved(deep, "PNG"), animation):
        assert client.post("/identify", **form(data)).status_code == 200


def test_scores_are_rounded_down_so_that_their_sum_stays_at_most_one() -> None:
    assert rounded(0.93339) == 0.9333
    assert rounded(0.29) == 0.29
    assert rounded(1.0) == 1.0
    assert sum(rounded(1 / 7) for _ in range(7)) <= 1
