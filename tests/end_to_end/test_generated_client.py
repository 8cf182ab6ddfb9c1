"""A client that a tool writes from /openapi.json alone identifies a photo, as an app developer would."""

import importlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import urlopen
from zipfile import ZipFile

import pytest

from batch.synthetic import render
from examples.local_server import local_server

NAME = "fruits_client"
LIME = render("lime", 2, seed=2, kind="asked")
PHONE_PHOTO = "Apple/Granny-Smith"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_server({"FRUITS_WORKERS": "1"}, tmp_path_factory.mktemp("server") / "log") as base:
        yield base


@pytest.fixture(scope="module")
def generated(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Generate a client from what the server says of itself, and import it."""
    folder = tmp_path_factory.mktemp("client")
    with urlopen(f"{server}/openapi.json", timeout=60) as answer:
        (folder / "openapi.json").write_bytes(answer.read())
    (folder / "config.json").write_text(json.dumps({"post_hooks": []}))
    command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--meta", "none"]
    command += ["--path", "openapi.json", "--config", "config.json", "--output-path", NAME]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(NAME)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]


@pytest.fixture
def client(generated: ModuleType, server: str) -> Iterator[Any]:
    with generated.Client(base_url=server, raise_on_unexpected_status=True) as client:
        yield client


def part(path: str) -> ModuleType:
    return importlib.import_module(f"{NAME}.{path}")


def identify(client: Any, *photos: bytes, **query: Any) -> Any:
    """Send photos as the form that the generated client makes of them."""
    file = part("types").File
    files = [file(io.BytesIO(data), "photo.jpg", "image/jpeg") for data in photos]
    body = part("models").IdentifyFilesBody(photo=files)
    return part("api.identify.identify").sync(client=client, body=body, **query)


def test_it_identifies_a_photo(client: Any) -> None:
    answer = identify(client, LIME, lang="fr", top=3)
    assert 0 <= answer.is_fruit.probability <= 1
    assert answer.answer.rank in ("variety", "fruit", "family", "unknown")
    scores = [entry.score for entry in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 3
    assert answer.photos[0].width == 320


def test_it_identifies_a_real_photo(client: Any, shared_data: Path) -> None:
    with ZipFile(shared_data / "phone.zip") as archive:
        name = min(name for name in archive.namelist() if f"{PHONE_PHOTO}/" in name and name[-1] != "/")
        answer = identify(client, archive.read(name), lang="fr")
    assert answer.is_fruit.binary is True
    assert answer.answer.id == "apple/granny-smith"
    assert (answer.fruit.name, answer.fruit.lang) == ("Pomme", "fr")
    assert answer.results[0].varieties[0].name == "Granny Smith"


def test_it_sends_several_photos_and_a_raw_one(client: Any) -> None:
    assert len(identify(client, LIME, LIME, LIME).photos) == 3
    raw = part("types").File(io.BytesIO(LIME), "photo.jpg", "image/jpeg")
    answer = part("api.identify.identify").sync(client=client, body=raw)
    assert answer.results == identify(client, LIME).results


def test_it_reads_facts_and_what_happens_to_a_photo(client: Any) -> None:
    fruits = part("api.fruits.list_fruits").sync(client=client, q="granny", lang="fr").fruits
    assert [(fruit.id, fruit.name, fruit.identifiable) for fruit in fruits] == [("apple", "Pomme", True)]
    assert part("api.fruits.get_fruit").sync("apple", client=client, lang="de").name == "Apfel"
    assert part("api.privacy.get_privacy").sync(client=client, lang="it").lang == "it"
    assert part("api.service.is_ready").sync(client=client).status == "ready"


def test_a_refusal_is_a_problem_that_it_can_read(client: Any) -> None:
    problem = identify(client, b"words")
    assert (problem.status, problem.code) == (415, "not_an_image")
    missing = part("api.fruits.get_fruit").sync("nonsense", client=client)
    assert missing.code == "fruit_not_found"
