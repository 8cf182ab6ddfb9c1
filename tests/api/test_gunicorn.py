"""The API behind the real gunicorn, with its own configuration."""

import http.client
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAD = "POST /identify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"


def post(server: Any, body: bytes, kind: str = "image/jpeg", query: str = "") -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", f"/identify{query}", body, {"Content-Type": kind})
    response = connection.getresponse()
    status, answer = response.status, json.loads(response.read())
    connection.close()
    return status, answer


def multipart(*parts: tuple[str, bytes]) -> tuple[bytes, str]:
    body = b"".join(
        f'--frontier\r\nContent-Disposition: form-data; name="{name}"; filename="x.jpg"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in parts
    )
    return body + b"--frontier--\r\n", "multipart/form-data; boundary=frontier"


def test_bad_input_is_refused_and_good_input_answered(serve: Any, jpeg: bytes) -> None:
    with serve() as server:
        cases: list[tuple[tuple[bytes, str], str, int, str | None]] = [
            (multipart(("photo", jpeg)), "", 200, None),
            ((jpeg, "image/jpeg"), "?top=20&lang=pt", 200, None),
            (multipart(("photo", b"some words")), "", 415, "not_an_image"),
            (multipart(("photo", b"<svg/>")), "", 415, "not_an_image"),
            (multipart(("photo", jpeg[:300])), "", 422, "undecodable"),
            (multipart(("photo", b"")), "", 400, "empty_photo"),
            ((b"", "image/jpeg"), "", 400, "no_photo"),
            (multipart(), "", 400, "no_photo"),
            (multipart(*[("photo", jpeg)] * 6), "", 400, "too_many_photos"),
            (multipart(("picture", jpeg)), "", 400, "unexpected_field"),
            (multipart(("photo", jpeg)), "?lang=e", 400, "invalid_lang"),
            (multipart(("photo", jpeg)), "?top=21", 400, "invalid_top"),
            (multipart(("photo", bytes(40_000_000))), "", 413, "upload_too_large"),
            ((bytes(40_000_000), "image/jpeg"), "", 413, "upload_too_large"),
            (multipart(*[("photo", bytes(19_000_000))] * 3), "", 413, "upload_too_large"),
            ((jpeg, "application/json"), "", 415, "unsupported_body"),
        ]
        for (body, kind), query, status, code in cases:
            answer = post(server, body, kind, query)
            assert (answer[0], answer[1].get("code")) == (status, code)


def test_a_chunked_upload_is_read_and_limited(serve: Any, jpeg: bytes) -> None:
    with serve(FRUITS_MAX_REQUEST_BYTES=str(len(jpeg) + 100)) as server:
        for extra, status in ((0, 200), (101, 413)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            chunks = iter([jpeg[:500], jpeg[500:] + bytes(extra)])
            connection.request(
                "POST", "/identify", chunks, {"Content-Type": "image/jpeg"}, encode_chunked=True
            )
            assert connection.getresponse().status == status
            connection.close()


@pytest.mark.parametrize("kind", ["image/jpeg", "multipart/form-data; boundary=frontier"])
def test_a_body_that_stalls_is_answered_408_and_its_thread_is_free_again(
    serve: Any, jpeg: bytes, kind: str
) -> None:
    with serve(FRUITS_BODY_TIMEOUT_S="0.3", FRUITS_THREADS="5") as server:
        stalled = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(4)]
        for connection in stalled:
            connection.sendall(
                HEAD.replace("image/jpeg", kind).encode() + b"Content-Length: 1000\r\n\r\n--frontier\r\n"
            )
        for connection in stalled:
            answer = connection.makefile("rb").read()
            connection.close()
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b'"body_too_slow"' in answer
        assert post(server, jpeg)[0] == 200


def test_a_client_that_stalls_in_its_headers_blocks_nobody(serve: Any, jpeg: bytes) -> None:
    with serve(FRUITS_HEADER_TIMEOUT_S="0.3", FRUITS_THREADS="2") as server:
        stalled = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(4)]
        for connection in stalled:
            connection.sendall(HEAD.encode())
        assert post(server, jpeg)[0] == 200
        for connection in stalled:
            assert connection.recv(1000) == b""
            connection.close()


def test_a_malformed_chunked_body_is_refused(serve: Any) -> None:
    with serve() as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nnonsense\r\n".encode())
        answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"malformed_body"' in answer


@pytest.mark.parametrize(
    "header", ["SCRIPT_NAME: /elsewhere", "PATH_INFO: /identify", "Script-Name: /elsewhere"]
)
def test_a_header_cannot_change_the_path_that_was_asked_for(serve: Any, header: str) -> None:
    with serve() as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        request = f"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n"
        connection.sendall(request.encode())
        answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"ok"' in answer


def test_a_client_that_hangs_up_harms_nobody(serve: Any, jpeg: bytes) -> None:
    with serve(FRUITS_THREADS="6") as server:
        for _ in range(4):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                connection.sendall(f"{HEAD}Content-Length: 1000\r\n\r\nhalf".encode())
        assert post(server, jpeg)[0] == 200


def test_a_connection_is_kept_after_a_refusal(serve: Any, jpeg: bytes) -> None:
    with serve(FRUITS_MAX_PHOTO_BYTES="100000") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for body, status in ((bytes(200_000), 413), (jpeg, 200)):
            connection.request("POST", "/identify", body, {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            response.read()
            assert response.status == status
        connection.close()


def test_each_request_leaves_one_json_line(serve: Any, jpeg: bytes) -> None:
    with serve() as server:
        post(server, jpeg)
        post(server, b"words")
        out, err = server.stop()
    lines = [json.loads(line) for line in out.splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["status"], line["rank"], line["code"]) for line in requests] == [
        (200, "variety", None),
        (415, None, "not_an_image"),
    ]
    assert [line["bytes_in"] for line in requests] == [len(jpeg), 5]
    assert "127.0.0.1" not in out
    assert all(json.loads(line)["level"] == "info" for line in err.splitlines())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FRUITS_WORKER", "1", "Did you mean FRUITS_WORKERS?"),
        ("FRUITS_THREADS", "many", "must be a whole number"),
    ],
)
def test_wrong_settings_end_it_with_one_readable_line(name: str, value: str, said: str) -> None:
    command = [sys.executable, "-m", "gunicorn", "-c", "api/gunicorn.conf.py", "api.wsgi:app"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert name in ended.stderr
    assert said in ended.stderr


def test_it_starts_and_says_not_ready_when_its_store_is_out_of_reach(
    serve_product: Any, jpeg: bytes, tmp_path: Path
) -> None:
    with serve_product(FRUITS_STORE=str(tmp_path / "nowhere"), FRUITS_WORKERS="1") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for path, status in (("/healthz", 200), ("/readyz", 503)):
            connection.request("GET", path)
            response = connection.getresponse()
            answer = json.loads(response.read())
            assert response.status == status
        assert answer["code"] == "not_ready"
        connection.close()
        assert post(server, jpeg)[0] == 503


def test_gunicorn_finds_the_same_configuration_without_being_told() -> None:
    assert (ROOT / "gunicorn.conf.py").resolve() == ROOT / "api/gunicorn.conf.py"
