"""The API on the bundle that comes with it: what a user gets who sets nothing."""

import http.client
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sklearn.datasets import load_sample_images

from api import create_app
from api.bundle_source import DefaultSource
from models.identifier import Identifier
from models.store import open_store


@pytest.fixture(scope="module")
def folder(default_bundle: Path) -> Path:
    if not (default_bundle / "manifest.json").is_file():
        pytest.skip("needs the default bundle")
    return default_bundle


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Identifier:
    source = DefaultSource()
    return source.load(source.current().version)


@pytest.fixture
def bundle_client(client: FlaskClient, folder: Path) -> Iterator[FlaskClient]:
    """Give a checking client of the application as it starts without any setting."""
    app = create_app()
    app.test_client_class = type(client)
    yield app.test_client()
    app.extensions["fruits"].live.stop()


def encoded(picture: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


def test_without_settings_the_default_bundle_answers(bundle_client: FlaskClient, folder: Path) -> None:
    version = json.loads((folder / "manifest.json").read_text())["version"]
    assert bundle_client.get("/readyz").get_json()["bundle"]["version"] == version


def test_every_fruit_that_it_can_name_is_listed_and_described(
    bundle_client: FlaskClient, loaded: Identifier
) -> None:
    entries = bundle_client.get("/fruits").get_json()["fruits"]
    assert {entry["id"] for entry in entries if entry["identifiable"]} == loaded.fruits
    for fruit in sorted(loaded.fruits):
        assert bundle_client.get(f"/fruits/{fruit}?lang=fr").status_code == 200


@pytest.mark.parametrize("number", [0, 1])
def test_a_temple_and_a_flower_are_not_called_fruits(
    bundle_client: FlaskClient, form: Callable[..., Any], number: int
) -> None:
    body = bundle_client.post("/identify", **form(encoded(load_sample_images().images[number]))).get_json()
    assert body["is_fruit"]["binary"] is False
    assert body["answer"]["rank"] == "unknown"
    assert body["fruit"] is None
    assert body["cautions"]
    assert len(body["results"]) == 5


def test_scores_are_a_distribution_and_varieties_stay_below_their_fruit(
    bundle_client: FlaskClient, form: Callable[..., Any], make_photo: Callable[..., bytes]
) -> None:
    results = bundle_client.post("/identify?top=20", **form(make_photo((300, 300)))).get_json()["results"]
    scores = [result["score"] for result in results]
    assert len(results) == 20
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) <= 1
    assert all(v["score"] <= result["score"] for result in results for v in result["varieties"])


def test_the_same_photo_is_answered_alike_as_form_and_as_body(
    bundle_client: FlaskClient, form: Callable[..., Any], make_photo: Callable[..., bytes]
) -> None:
    photo = make_photo((300, 200))
    answers = [
        bundle_client.post("/identify", **form(photo)).get_json(),
        bundle_client.post("/identify", data=photo, content_type="image/jpeg").get_json(),
    ]
    for answer in answers:
        del answer["timing_ms"]
    assert answers[0] == answers[1]


def test_a_published_bundle_is_served_from_its_store(
    folder: Path, tmp_path: Path, serve_product: Any
) -> None:
    pointer = open_store(str(tmp_path)).publish(folder, None)
    with serve_product(FRUITS_STORE=str(tmp_path), FRUITS_WORKERS="1") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", "/readyz")
        assert json.loads(connection.getresponse().read())["bundle"]["version"] == pointer.version
        connection.close()


def test_a_damaged_bundle_is_never_served(
    folder: Path, tmp_path: Path, serve_product: Any, make_photo: Callable[..., bytes]
) -> None:
    pointer = open_store(str(tmp_path)).publish(folder, None)
    network = tmp_path / pointer.version / "network.tflite"
    altered = bytearray(network.read_bytes())
    altered[len(altered) // 2] ^= 1
    network.chmod(0o644)
    network.write_bytes(altered)
    with serve_product(FRUITS_STORE=str(tmp_path), FRUITS_WORKERS="1") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/identify", make_photo(), {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["code"]) == (503, "not_ready")
        connection.close()
