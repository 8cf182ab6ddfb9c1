"""Who may come in, and how those are told who may not."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.cores import Cores
from api.door import MOST_PLAIN, Door, Kind
from api.service import KEY, Service

UPLOAD = b"POST /identify?lang=en HTTP/1.1\r\nHost: x\r\ncontent-length: 1000"
CHUNKED = b"POST /identify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
PLAIN = b"GET /fruits HTTP/1.1\r\nHost: x"
PROBE = b"GET /healthz HTTP/1.1\r\nHost: x"
FULL = Cores(slots=1, queue=-1, timeout_s=0)
"""Cores that take nobody."""


def service_of(client: FlaskClient) -> Service:
    found: Service = client.application.extensions[KEY]
    return found


def answer(sent: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize(("threads", "uploads"), [(1, 1), (2, 1), (4, 3), (16, 14)])
def test_uploads_leave_threads_to_the_others(client: FlaskClient, threads: int, uploads: int) -> None:
    door = Door(service_of(client), threads)
    assert [door.enter(head) for head in [UPLOAD, CHUNKED] * 8][:uploads] == [Kind.UPLOAD] * uploads
    assert door.enter(UPLOAD) is None
    assert (door.enter(PLAIN), door.enter(PROBE)) == (Kind.PLAIN, Kind.PROBE)
    door.leave(Kind.UPLOAD)
    assert door.enter(UPLOAD) is Kind.UPLOAD


def test_no_upload_comes_in_while_all_cores_and_their_queue_are_taken(client: FlaskClient) -> None:
    door = Door(replace(service_of(client), cores=FULL), threads=16)
    assert door.enter(UPLOAD) is None
    assert (door.enter(PLAIN), door.enter(PROBE)) == (Kind.PLAIN, Kind.PROBE)


def test_whoever_asks_for_the_services_health_always_comes_in(client: FlaskClient) -> None:
    door = Door(service_of(client), threads=16)
    assert {door.enter(PLAIN) for _ in range(MOST_PLAIN)} == {Kind.PLAIN}
    assert door.enter(PLAIN) is None
    assert {door.enter(PROBE) for _ in range(2 * MOST_PLAIN)} == {Kind.PROBE}


def test_a_refusal_at_the_door_reads_like_one_of_the_application(
    client: FlaskClient, form: Any, jpeg: bytes
) -> None:
    full = replace(service_of(client), cores=FULL)
    client.application.extensions[KEY] = full
    inside = client.post("/identify", **form(jpeg), headers={"X-Request-Id": "one"})
    status, headers, body = answer(Door(full, 16).overloaded(UPLOAD + b"\r\nX-Request-Id: one", None))
    assert (status, json.loads(body)) == (inside.status_code, inside.get_json(force=True))
    same = ("Content-Type", "Content-Length", "Retry-After", "Cache-Control", "X-Request-Id")
    for name in (*same, "X-Content-Type-Options"):
        assert headers[name] == inside.headers[name]
    assert headers["Connection"] == "close"


def test_a_refusal_repeats_neither_query_nor_a_strange_request_id_and_has_no_body_for_head(
    client: FlaskClient,
) -> None:
    door = Door(service_of(client), 16)
    head = b"HEAD /fruits?q=secret HTTP/1.1\r\nX-Request-Id: <b>strange</b>"
    status, headers, body = answer(door.overloaded(head, None))
    assert (status, body) == (503, b"")
    assert len(headers["X-Request-Id"]) == 32
    assert b"secret" not in door.overloaded(head.replace(b"HEAD", b"GET"), None)


def test_a_script_of_an_allowed_origin_can_read_a_refusal(new_client: Callable[..., FlaskClient]) -> None:
    door = Door(service_of(new_client(cors_origins="https://app.example")), 16)
    for origin, allowed in (("https://app.example", "https://app.example"), ("https://other.example", None)):
        headers = answer(door.overloaded(UPLOAD + f"\r\nOrigin: {origin}".encode(), None))[1]
        assert headers.get("Access-Control-Allow-Origin") == allowed
        assert headers["Vary"] == "Origin"


def test_a_refusal_leaves_a_line_with_half_an_address_and_a_count(
    new_client: Callable[..., FlaskClient], log_lines: Any
) -> None:
    service = service_of(new_client(metrics_bind="127.0.0.1:0", trusted_proxies=1))
    door = Door(service, 16)
    door.overloaded(UPLOAD, "192.0.2.77")
    door.overloaded(UPLOAD + b"\r\nX-Forwarded-For: 10.1.1.1, 203.0.113.77", "192.0.2.77")
    lines = [line for line in log_lines() if line["message"] == "request"]
    assert [line["client"] for line in lines] == ["192.0.2.0/24", "203.0.113.0/24"]
    assert {(line["route"], line["status"], line["code"]) for line in lines} == {
        ("/identify", 503, "overloaded")
    }
    assert service.metrics is not None
    count = service.metrics.registry.get_sample_value
    labels = {"route": "/identify", "method": "POST", "status": "503"}
    assert count("fruits_requests_total", labels) == 2
    assert count("fruits_refusals_total", {"code": "overloaded"}) == 2


def test_headers_without_end_are_refused(client: FlaskClient) -> None:
    status, _, body = answer(Door(service_of(client), 16).head_too_large(PLAIN, None, 65_536))
    assert (status, json.loads(body)["code"]) == (431, "bad_request")
    assert "65536 bytes" in json.loads(body)["detail"]
