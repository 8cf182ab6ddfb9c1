"""gunicorn's event loop waits for nobody: not for heads, not for threads, not for clients to hang up."""

import errno
import http.client
import json
import logging
import socket
import struct
import time
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from api.worker import MOST_YIELDING, YIELD_S, YIELDS_IN_A_ROW, Connection, Courtesy, FruitsWorker, Patience

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


def test_a_client_that_does_not_read_holds_no_thread_and_finds_its_answers_later(serve: Any) -> None:
    asked, ask = 300, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n"
    with serve(FRUITS_THREADS="1") as server, socket.socket() as deaf:
        deaf.settimeout(30)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        deaf.connect(("127.0.0.1", server.port))
        # Answers of some megabytes, more than the system keeps for a connection.
        deaf.sendall((ask + b"\r\n") * (asked - 1) + ask + b"Connection: close\r\n\r\n")
        for _ in range(asked // 2):
            answer = everything_from(connect(server, GET + b"Connection: close\r\n\r\n"))
            assert answer.startswith(b"HTTP/1.1 200 ")
        answers = everything_from(deaf).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert len(answers) == asked
    assert len({answer.partition(b"\r\n\r\n")[2] for answer in answers}) == 1


@pytest.mark.parametrize("ends", [b"\n\n", b"\r\n\n", b"\n\r\n"])
def test_a_head_whose_lines_end_in_a_line_feed_alone_is_refused_at_once(serve: Any, ends: bytes) -> None:
    with serve(FRUITS_HEADER_TIMEOUT_S="3600") as server:
        answer = everything_from(connect(server, b"GET /healthz HTTP/1.1\r\nHost: x" + ends))
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("error", [errno.ENOMEM, errno.ENOBUFS, errno.EPROTO, errno.ENETUNREACH])
def test_a_client_whose_connection_fails_while_it_is_accepted_does_not_end_the_worker(error: int) -> None:
    def accept() -> None:
        raise OSError(error, "failed")

    worker = FruitsWorker.__new__(FruitsWorker)
    worker.alive = False  # one that stops lets nobody go first
    worker.log = logging.getLogger("api.worker")
    assert not worker.accept(SimpleNamespace(accept=accept))


def test_a_crowd_waits_for_no_courtesy(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many clients come, a worker sleeps no longer than a tenth of the time."""
    clock, slept = [1000.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", sleep)
    courtesy = Courtesy()
    for _ in range(20_000):
        clock[0] += 0.0005  # two thousand clients a second, for ten seconds
        courtesy.let_others_go_first(MOST_YIELDING)
    assert slept[: YIELDS_IN_A_ROW - 1] == [MOST_YIELDING * YIELD_S] * (YIELDS_IN_A_ROW - 1)
    assert sum(slept) < (clock[0] - 1000) / 10


def test_however_a_connection_ends_its_place_is_free_again(serve: Any, jpeg: bytes) -> None:
    upload = HEAD + f"Content-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg
    said = (
        *(b"", GET[:20], GET + b"\n", GET + bytes(70_000), GET + b"\r\n", GET + b"Connection: close\r\n\r\n"),
        *((GET + b"\r\n") * 3, upload, upload[:-9], upload + GET[:20], upload + GET + b"\r\n"),
        *(HEAD + b"Content-Length: 9\r\n\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
        HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    )
    few = {"GUNICORN_CMD_ARGS": "--worker-connections 16", "FRUITS_THREADS": "3"}
    with serve(**few, FRUITS_HEADER_TIMEOUT_S="3600", FRUITS_BODY_TIMEOUT_S="1") as server:
        for one in said:
            for ends in ("hangs up", "breaks off", "says that it is done", "waits", "waits") * 3:
                connection = connect(server, one)
                if ends == "breaks off":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif ends == "says that it is done":
                    connection.shutdown(socket.SHUT_WR)
                    everything_from(connection)
                elif ends == "waits" and b"close" in one:
                    everything_from(connection)
                connection.close()
        # The last ones may still be at work.
        answers = (post(server, jpeg)[0] for _ in range(200))
        assert 200 in answers
        silent = [connect(server) for _ in range(15)]
        assert everything_from(connect(server, GET + b"Connection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200 "
        )
        for connection in silent:
            connection.close()


def shares(server: Any, clients: int) -> list[int]:
    """Let clients come at once, and count those that each worker has."""
    connections = [connect(server) for _ in range(clients)]
    for connection in connections:
        connection.sendall(GET + b"\r\n")
    for connection in connections:
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    counts = [
        sum(one.status == psutil.CONN_ESTABLISHED for one in worker.net_connections("tcp"))
        for worker in psutil.Process(server.process.pid).children()
    ]
    for connection in connections:
        connection.close()
    return counts


def test_workers_share_the_clients_that_come_at_once(serve: Any) -> None:
    with serve(FRUITS_WORKERS="2") as server:
        deadline = time.monotonic() + 60
        while len(found := shares(server, 12)) < 2 or min(found) == 0:  # a worker may still be loading
            assert time.monotonic() < deadline
        bursts = [shares(server, 12) for _ in range(3)]
    assert [sum(counts) for counts in bursts] == [12, 12, 12]
    assert min(min(counts) for counts in bursts) >= 3, bursts


def test_the_longest_waiting_run_out_first() -> None:
    patience, connections = Patience(3600.0), [Connection.__new__(Connection) for _ in range(3)]
    for connection in connections:
        patience.add(connection)
    assert patience.run_out() == []
    assert patience.run_out(most=1) == connections[:2]
    patience.remove(connections[0])
    patience.cut(0.0)
    assert patience.run_out() == connections[1:]
