"""An application around a fake identifier, a client that checks every answer, and the real gunicorn."""

import io
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from PIL import Image
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from api.problems import KINDS, MEDIA_TYPE
from api.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))

from fake_service import FakeIdentifier, make_app

ROOT = Path(__file__).resolve().parents[2]


class CheckedClient(FlaskClient):
    """Holds every answer against the OpenAPI description: status documented, body of the documented shape."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        assert response.headers["X-Request-Id"]
        if response.status_code >= 400 and response.request.method != "HEAD":
            assert response.content_type == MEDIA_TYPE
            body = json.loads(response.data)
            assert (KINDS[body["code"]].status, response.status_code) == (body["status"], body["status"])
            assert body["request_id"] == response.headers["X-Request-Id"]
        self._check_description(response)
        return response

    def _check_description(self, response: TestResponse) -> None:
        request = response.request
        try:
            rule, _ = self.application.url_map.bind("").match(request.path, request.method, return_rule=True)
        except HTTPException:
            assert response.status_code in (404, 405)
            return
        if request.method not in ("GET", "POST"):
            return
        description = self.application.api_doc  # type: ignore[attr-defined]
        path = re.sub(r"<(\w+)>", r"{\1}", str(rule.rule))
        documented = description["paths"][path][request.method.lower()]["responses"][
            str(response.status_code)
        ]
        if response.status_code == 304:
            assert response.data == b""
            return
        schema = documented["content"][response.mimetype]["schema"]
        if not response.is_json and response.mimetype != MEDIA_TYPE:
            assert schema == {"type": "string"}
            return
        Draft202012Validator({**schema, "components": description["components"]}).validate(
            json.loads(response.data)
        )


@pytest.fixture
def identifier() -> FakeIdentifier:
    return FakeIdentifier()


@pytest.fixture
def new_client(identifier: FakeIdentifier) -> Callable[..., FlaskClient]:
    """Make a client of an application with some settings changed."""

    def make(**settings: Any) -> FlaskClient:
        app = make_app(Settings(**settings), identifier)
        app.test_client_class = CheckedClient
        return app.test_client()

    return make


@pytest.fixture
def client(new_client: Callable[..., FlaskClient]) -> FlaskClient:
    return new_client()


@pytest.fixture
def app(client: FlaskClient) -> Flask:
    return client.application


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Collect the API's log as it would be written: a list of parsed JSON lines."""
    from api.request_log import JsonLines

    with caplog.at_level(logging.INFO, logger="api"):
        yield lambda: [json.loads(JsonLines().format(record)) for record in caplog.records]


def photo_file(size: tuple[int, int] = (64, 48), kind: str = "JPEG", **options: Any) -> bytes:
    """Encode a seeded noise photo."""
    noise = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    return photo_file()


@pytest.fixture(scope="session")
def make_photo() -> Callable[..., bytes]:
    return photo_file


@pytest.fixture
def form() -> Callable[..., dict[str, Any]]:
    """Build the arguments of a multipart request that sends some photos."""

    def build(*photos: bytes, name: str = "photo", filename: str = "IMG_0001.jpg") -> dict[str, Any]:
        return {"data": {name: [(io.BytesIO(data), filename) for data in photos]}}

    return build


class Server:
    """A running gunicorn."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, log: IO[str]) -> None:
        self.process = process
        self.port = port
        self._log = log

    def stop(self) -> tuple[str, str]:
        """Stop it; give what it wrote to standard output and, after its start, to standard error."""
        self.process.terminate()
        _, err = self.process.communicate(timeout=60)
        self._log.seek(0)
        return self._log.read(), err


@contextmanager
def gunicorn(application: str, *arguments: str, cwd: Path = ROOT, **environ: str) -> Iterator[Server]:
    """Run the real gunicorn with the product's configuration on a free port until the block ends."""
    given = {k: v for k, v in os.environ.items() if not k.startswith("FRUITS_")}
    cache = tempfile.TemporaryDirectory()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        str(ROOT / "api/gunicorn.conf.py"),
        *arguments,
        application,
    ]
    # A file for the log: a pipe that nobody empties would fill up and block the server.
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed below
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**given, "FRUITS_BIND": "127.0.0.1:0", "FRUITS_CACHE": cache.name, **environ},
        stderr=subprocess.PIPE,
        stdout=log,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line):
                yield Server(process, int(found[1]), log)
                break
        else:
            pytest.fail(f"gunicorn did not start:\n{said}")
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)
        log.close()
        cache.cleanup()


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Run gunicorn with the fake identifier: `with serve(FRUITS_...=...) as server`."""

    def start(**environ: str) -> Any:
        one_worker = {"FRUITS_WORKERS": "1", "FRUITS_THREADS": "4"}
        return gunicorn(
            "fake_service:make_app()", "--pythonpath", str(Path(__file__).parent), **{**one_worker, **environ}
        )

    return start


@pytest.fixture
def serve_product() -> Callable[..., Any]:
    """Run gunicorn with the product's own entry point."""
    return lambda **environ: gunicorn("api.wsgi:app", **environ)
