"""What leaves the device: upright, small, and without a word of where and when."""

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Page
from werkzeug.serving import make_server

from api import create_app
from tests.web.photos import CAMERA, camera_file, file_of, picture, upload
from tests.web.steps import identify

BOUNDARY_END = b"\r\n\r\n"


class Recorder:
    """The real application, and the very bytes that photos arrive in."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._app = create_app()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if environ["PATH_INFO"] == "/identify":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            self.bodies.append(body)
            environ["wsgi.input"] = io.BytesIO(body)
        return self._app(environ, start_response)

    def photo(self) -> bytes:
        """Give the photo of the last request, which had one."""
        head, _, rest = self.bodies[-1].partition(BOUNDARY_END)
        assert b'name="photo"; filename="photo"' in head
        return rest


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def recorded_site(chromium_path: str, recorder: Recorder) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, recorder, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_sent_is_upright_small_and_without_metadata(
    open_page: Callable[..., Page], recorded_site: str, recorder: Recorder
) -> None:
    taken = picture("orange", 1, long_side_px=1400)
    wide, high = taken.size
    data = camera_file(taken)
    assert CAMERA.encode() in data
    identify(open_page(recorded_site), upload(data, "Grandma's garden.jpg"))
    assert CAMERA.encode() not in recorder.bodies[-1]
    assert b"garden" not in recorder.bodies[-1]
    sent = Image.open(io.BytesIO(recorder.photo()))
    assert sent.format == "JPEG"
    assert dict(sent.getexif()) == {}
    # What is left is how JPEG is laid out and which colours are meant, the same for every photo.
    assert sent.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "icc_profile"}
    assert sent.size == (round(wide * 1280 / max(wide, high)), round(high * 1280 / max(wide, high)))
    # Upright: the small copy that is shown resembles the picture as it was before the camera turned it.
    shown, original = (image.convert("L").resize((16, 16)) for image in (sent, taken))
    apart = [abs(a - b) for a, b in zip(shown.tobytes(), original.tobytes(), strict=True)]
    assert sum(apart) / len(apart) < 4


def test_what_is_transparent_is_sent_white(
    open_page: Callable[..., Page], recorded_site: str, recorder: Recorder
) -> None:
    clear = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    identify(open_page(recorded_site), upload(file_of(clear, "PNG"), "a.png", "image/png"))
    sent = Image.open(io.BytesIO(recorder.photo())).convert("RGB")
    assert sent.size == (300, 200)
    assert sent.getpixel((150, 100)) == (255, 255, 255)


def test_what_the_browser_cannot_open_is_sent_as_it_is(
    open_page: Callable[..., Page], recorded_site: str, recorder: Recorder
) -> None:
    file = io.BytesIO()
    pillow_heif.from_pillow(picture("orange", 1, long_side_px=600)).save(file)
    data = file.getvalue()
    body = identify(open_page(recorded_site), upload(data, "IMG_0001.HEIC", "image/heic"))
    assert recorder.photo().startswith(data)
    assert body["photos"][0]["width"] == 600
