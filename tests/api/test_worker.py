"""gunicorn's event loop waits for nobody: not for heads, not for threads, not for clients to hang up."""

import http.client
import json
import socket
from typing import Any

HEAD = b"POST /identify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


def connect(server: Any, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(sent)
    return connection


def everything_from(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.read()


def post(server: Any, body: bytes) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/identify", body, {"Content-Type": "image/jpeg"})
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_while_uploads_hold_their_threads_the_next_is_refused_and_health_is_answered(
    serve: Any, jpeg: bytes
) -> None:
    with serve(FRUITS_THREADS="4") as server:
        uploading = [connect(server, HEAD + b"Content-Length: 1000\r\n\r\nhalf") for _ in range(3)]
        refused = everything_from(connect(server, HEAD + b"Content-Length: 1000\r\n\r\nhalf"))
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 2\r\n" in refused
        assert everything_from(connect(server, GET + b"Connection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200 "
        )
        for connection in uploading:
            connection.close()


def test_a_client_that_is_still_sending_gets_to_see_its_refusal(serve: Any) -> None:
    with serve(FRUITS_THREADS="1") as server, connect(server, HEAD + b"Content-Length: 9\r\n\r\nhalf"):
        for _ in range(3):
            status, answer = post(server, bytes(8_000_000))
            assert (status, answer["code"]) == (503, "overloaded")


def test_clients_that_do_not_hang_up_keep_nobody_waiting(serve: Any, jpeg: bytes) -> None:
    with serve() as server:
        answered = [connect(server, GET + b"Connection: close\r\n\r\n") for _ in range(40)]
        for connection in answered:
            assert everything_from(connection).startswith(b"HTTP/1.1 200 ")
        assert post(server, jpeg)[0] == 200
        for connection in answered:
            connection.close()


def test_connections_that_say_nothing_hold_no_thread(serve: Any, jpeg: bytes) -> None:
    with serve(FRUITS_THREADS="1") as server:
        silent = [connect(server, said) for said in (b"", b"POST /ident") for _ in range(10)]
        assert post(server, jpeg)[0] == 200
        for connection in silent:
            connection.close()


def test_a_head_may_come_in_pieces_and_two_requests_at_once(serve: Any) -> None:
    with serve() as server, connect(server) as connection:
        for byte in GET + b"\r\n":
            connection.sendall(bytes([byte]))
        connection.sendall(GET + b"\r\n" + GET + b"Connection: close\r\n\r\n")
        assert everything_from(connection).count(b"HTTP/1.1 200 OK\r\n") == 3


def test_a_head_without_end_is_refused(serve: Any) -> None:
    with serve() as server, connect(server, GET + b"X-Padding: " + bytes(70_000)) as connection:
        answer = everything_from(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "bad_request"
