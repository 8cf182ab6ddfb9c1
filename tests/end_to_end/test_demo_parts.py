"""The parts of `make demo` that need no bundle: the request it sends, the server it starts, its verdicts."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from werkzeug.formparser import parse_form_data

from examples import demo, phone
from examples.local_server import DemoFailed, local_server

PHOTO = bytes(range(256)) * 40


class _Echo(BaseHTTPRequestHandler):
    """Remembers the request and answers with what the test asked for."""

    seen: dict[str, Any]
    answer: tuple[int, bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers["Content-Type"]
        environ = {"wsgi.input": io.BytesIO(body), "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body))}
        _, fields, files = parse_form_data(environ, stream_factory=lambda **_: io.BytesIO())
        photo = files["photo"]
        type(self).seen = {
            "path": self.path,
            "fields": dict(fields),
            "name": photo.filename,
            "photo": photo.read(),
        }
        status, answer = type(self).answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[tuple[str, type[_Echo]]]:
    handler = type("Echo", (_Echo,), {"seen": {}, "answer": (200, b'{"answer": 1}')})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("with_curl", [True, False])
def test_a_photo_is_sent_as_the_form_field_photo(
    echo: tuple[str, type[_Echo]], with_curl: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_curl and not phone.shutil.which("curl"):
        pytest.skip("needs curl")
    if not with_curl:
        monkeypatch.setattr(phone.shutil, "which", lambda _: None)
    base, handler = echo
    answer, elapsed_ms = phone.identify(base, PHOTO, "0001.jpg")
    assert answer == {"answer": 1}
    assert elapsed_ms > 0
    assert handler.seen == {"path": "/identify?lang=en", "fields": {}, "name": "0001.jpg", "photo": PHOTO}


@pytest.mark.parametrize("with_curl", [True, False])
def test_a_refusal_or_a_missing_server_ends_the_demo_with_its_reason(
    echo: tuple[str, type[_Echo]], with_curl: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_curl and not phone.shutil.which("curl"):
        pytest.skip("needs curl")
    if not with_curl:
        monkeypatch.setattr(phone.shutil, "which", lambda _: None)
    base, handler = echo
    handler.answer = (422, b'{"code": "undecodable"}')
    with pytest.raises(DemoFailed, match=r"422.*undecodable"):
        phone.identify(base, PHOTO, "0001.jpg")
    with pytest.raises(DemoFailed, match=r"0001\.jpg"):
        phone.identify("http://127.0.0.1:9", PHOTO, "0001.jpg")


def test_a_server_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(DemoFailed, match="FRUITS_SPEED is not a setting"),
        local_server({"FRUITS_SPEED": "fast"}, tmp_path / "server.log"),
    ):
        pytest.fail("the block must not run")


def _answer(fruit: str | None, rank: str = "fruit", binary: bool = True) -> dict[str, Any]:
    return {
        "is_fruit": {"probability": 0.9 if binary else 0.1, "threshold": 0.5, "binary": binary},
        "answer": {"rank": rank, "id": fruit, "name": fruit and fruit.title(), "score": 0.8},
        "results": [{"fruit": "lime", "name": "Lime"}],
    }


@pytest.mark.parametrize(
    ("subject", "answer", "verdict", "words"),
    [
        ("lime", _answer("lime"), "right", "Lime (fruit)"),
        ("apple", _answer("apple/gala", "variety"), "right", "Apple/Gala (variety)"),
        ("lemon", _answer("lime"), "wrong", "Lime (fruit)"),
        ("lemon", _answer("citrus", "family"), "unsure", "Citrus (family)"),
        ("lemon", _answer(None, "unknown"), "unsure", "unknown (perhaps Lime)"),
        ("lemon", _answer(None, "unknown", binary=False), "wrong", "not a fruit"),
        ("not_fruit", _answer(None, "unknown", binary=False), "right", "not a fruit"),
        ("not_fruit", _answer("lime"), "wrong", "Lime (fruit)"),
    ],
)
def test_the_table_says_right_wrong_or_unsure(
    subject: str, answer: dict[str, Any], verdict: str, words: str
) -> None:
    assert demo._verdict(subject, answer) == verdict
    assert demo._in_words(answer) == words


def test_rendered_photos_are_reused_only_when_complete_and_made_by_the_same_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"photos_per_fruit": 0, "negatives": 2, "seed": 3, "kind": "asked"}
    demo._rendered(tmp_path / "asked", settings)
    first = (tmp_path / "asked" / "not_fruit" / "0000.jpg").stat().st_mtime_ns
    demo._rendered(tmp_path / "asked", settings)
    assert (tmp_path / "asked" / "not_fruit" / "0000.jpg").stat().st_mtime_ns == first
    assert "from an earlier run" in capsys.readouterr().out
    (tmp_path / "asked.stamp").unlink()
    (tmp_path / "asked" / "not_fruit" / "0009.jpg").write_bytes(b"left by an interrupted run")
    demo._rendered(tmp_path / "asked", settings)
    assert sorted(path.name for path in (tmp_path / "asked" / "not_fruit").iterdir()) == [
        "0000.jpg",
        "0001.jpg",
    ]
