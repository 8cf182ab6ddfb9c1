"""Photos stay in memory, within the limits of bytes and of time."""

import io
import tempfile
from typing import Any

import pytest
from flask import Flask, Request, g, request
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from api import uploads
from api.body import CHUNK_BYTES, Body
from api.deadlines import Deadlines
from api.problems import Refusal


def body_of(stream: Any, clock: Any, max_bytes: int = 1000, declared: int | None = None) -> Body:
    environ = EnvironBuilder(method="POST").get_environ() | {"wsgi.input": stream}
    if declared is not None:
        environ["CONTENT_LENGTH"] = str(declared)
    return Body(Request(environ), max_bytes, 30, Deadlines("bodies"), clock=clock)


def multipart(photo: bytes, field: str = "photo", filename: bytes = b"a.jpg") -> dict[str, Any]:
    """Write a request by hand: the test client would spool a large one to disk itself."""
    start = b'--x\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n'
    start %= field.encode(), filename
    return {"data": start + photo + b"\r\n--x--\r\n", "content_type": "multipart/form-data; boundary=x"}


def code_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json(force=True)["code"]


def test_a_photo_of_40_mb_is_refused_whichever_way_it_is_sent(client: FlaskClient) -> None:
    photo = bytes(40_000_000)
    assert code_of(client.post("/identify", **multipart(photo))) == (413, "upload_too_large")
    assert code_of(client.post("/identify", data=photo, content_type="image/jpeg")) == (
        413,
        "upload_too_large",
    )


def test_a_photo_at_the_limit_is_read_and_one_byte_more_is_not(
    new_client: Any, form: Any, jpeg: bytes
) -> None:
    client = new_client(max_photo_bytes=len(jpeg))
    assert client.post("/identify", **form(jpeg)).status_code == 200
    assert code_of(client.post("/identify", **form(jpeg + b"\0"))) == (413, "upload_too_large")
    assert code_of(client.post("/identify", data=jpeg + b"\0", content_type="image/png")) == (
        413,
        "upload_too_large",
    )


def test_a_request_above_the_limit_is_refused_before_it_is_read(
    new_client: Any, form: Any, jpeg: bytes
) -> None:
    class Untouchable(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            Untouchable.reads += 1
            return super().read(size)

    client = new_client(max_request_bytes=2000)
    response = client.post(
        "/identify",
        input_stream=Untouchable(bytes(2001)),
        content_length=2001,
        content_type="multipart/form-data; boundary=x",
        buffered=False,
    )
    assert code_of(response) == (413, "upload_too_large")
    assert Untouchable.reads == 0
    response.close()
    assert Untouchable.reads > 0, (
        "what the client still sends is read and forgotten, so that it sees the answer"
    )


def test_a_body_without_a_declared_length_is_counted_while_it_is_read() -> None:
    body = body_of(io.BytesIO(bytes(1001)), clock=lambda: 0)
    with pytest.raises(Refusal) as refused:
        list(iter(body.read, b""))
    assert refused.value.code == "upload_too_large"


def test_a_body_that_takes_longer_than_its_deadline_is_refused() -> None:
    seconds = iter([0.0, 29.0, 31.0])
    body = body_of(io.BytesIO(bytes(1000)), clock=lambda: next(seconds))
    assert len(body.read(10)) == 10
    with pytest.raises(Refusal) as refused:
        body.read(10)
    assert refused.value.code == "body_too_slow"


def test_a_body_that_ends_early_is_refused_rather_than_read_as_a_broken_photo() -> None:
    body = body_of(io.BytesIO(b"half"), clock=lambda: 0, declared=8)
    assert body.read() == b"half"
    with pytest.raises(Refusal) as refused:
        body.read()
    assert refused.value.code == "malformed_body"


def test_an_endless_body_is_not_discarded_for_ever() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    body = body_of(Endless(), clock=lambda: 0)
    body.finish()
    assert body.bytes_read == CHUNK_BYTES


def test_hundreds_of_fields_are_refused(client: FlaskClient) -> None:
    fields = {f"field{i}": "x" for i in range(200)}
    response = client.post("/identify", data=fields, content_type="multipart/form-data")
    assert code_of(response) == (400, "unexpected_field")


def test_a_large_photo_is_never_spooled_to_disk(
    client: FlaskClient, make_photo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file was asked for")

    photo = make_photo((1600, 1200))
    assert len(photo) > 1_000_000
    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp", "mkdtemp"):
        monkeypatch.setattr(tempfile, name, forbidden)
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", forbidden)
    response = client.post("/identify", **multipart(photo))
    assert response.status_code == 200


@pytest.mark.parametrize("disposition", ["form-data", 'form-data; filename="a.jpg"', 'form-data; name=""'])
def test_a_part_without_a_name_is_refused(client: FlaskClient, disposition: str) -> None:
    body = f"--x\r\nContent-Disposition: {disposition}\r\n\r\nabc\r\n--x--\r\n".encode()
    response = client.post("/identify", data=body, content_type="multipart/form-data; boundary=x")
    assert code_of(response) == (400, "unexpected_field")


@pytest.mark.parametrize(
    "filename",
    [
        "Pomme rouge.jpg",
        "pêche.jpg",
        "桃.jpg",
        "a\xe9b.jpg".encode("latin-1"),
        "C:\\\\fruit.jpg",
        "a%22b;c.jpg",
        "",
    ],
)
def test_what_a_client_calls_its_file_does_not_matter(
    client: FlaskClient, jpeg: bytes, filename: str | bytes
) -> None:
    name = filename if isinstance(filename, bytes) else filename.encode()
    response = client.post("/identify", **multipart(jpeg, filename=name))
    assert response.status_code == 200


def test_a_field_is_named_as_it_was_sent(client: FlaskClient, jpeg: bytes) -> None:
    response = client.post("/identify", **multipart(jpeg, field="pêche"))
    assert code_of(response) == (400, "unexpected_field")
    assert "'pêche'" in response.get_json(force=True)["detail"]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_photos_come_whole_however_the_body_is_cut(client: FlaskClient, jpeg: bytes, chunk: int) -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(chunk if size is None or size < 0 else min(size, chunk))

    one = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n' + jpeg
    body = one + b"\r\n" + one + b"\r\n--x--\r\nand an end that nobody needs"
    response = client.post(
        "/identify",
        input_stream=Dripping(body),
        content_length=len(body),
        content_type="multipart/form-data; boundary=x",
        buffered=False,
    )
    assert response.status_code == 200
    assert len(response.get_json()["photos"]) == 2


def test_a_boundary_inside_a_photo_is_part_of_it() -> None:
    tricky = b"\r\n--x \r\n-x\r\n--X--\r\r\n--"
    app = Flask("boundary")
    start = b'--x-\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    with app.test_request_context(
        method="POST",
        data=start + tricky + b"\r\n--x---\r\n",
        content_type="multipart/form-data; boundary=x-",
    ):
        g.body = Body(request, 1000, 30, Deadlines("bodies"))
        assert uploads.read_photos(1000, 1000) == [tricky]


def test_too_many_parts_are_refused(client: FlaskClient) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="photo"; filename=""\r\n\r\n\r\n'
    response = client.post(
        "/identify", data=part * 51 + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
    )
    assert code_of(response) == (400, "unexpected_field")
