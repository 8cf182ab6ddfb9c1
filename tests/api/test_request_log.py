"""One line a request, that says enough to run the service and nothing about the person or the photo."""

import json
import logging
import sys
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.request_log import JsonLines, truncated_address


def request_lines(log_lines: Any) -> list[dict[str, Any]]:
    return [line for line in log_lines() if line["message"] == "request"]


def test_a_request_is_one_line(client: FlaskClient, form: Any, jpeg: bytes, log_lines: Any) -> None:
    client.post("/identify?lang=fr", **form(jpeg), headers={"X-Request-Id": "abc-1"})
    (line,) = request_lines(log_lines)
    assert line.pop("ms") > 0
    assert line.pop("bytes_in") > len(jpeg)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "api.request",
        "message": "request",
        "request_id": "abc-1",
        "method": "POST",
        "route": "/identify",
        "status": 200,
        "code": None,
        "client": "127.0.0.0/24",
        "bundle": "20261122T181500Z-3f9a1c",
        "rank": "variety",
    }


def test_nothing_that_names_a_person_or_a_file_is_logged(
    client: FlaskClient, form: Any, log_lines: Any
) -> None:
    client.post("/identify?q=my-secret", **form(b"words", filename="Anna-at-home.jpg"))
    client.get("/fruits/my-secret")
    client.get("/my-secret")
    written = json.dumps(log_lines())
    for word in ("Anna", "my-secret", "127.0.0.1", "words"):
        assert word not in written
    assert [(line["route"], line["status"], line["code"]) for line in request_lines(log_lines)] == [
        ("/identify", 415, "not_an_image"),
        ("/fruits/<id>", 404, "fruit_not_found"),
        (None, 404, "not_found"),
    ]


@pytest.mark.parametrize("sent", ["", "a b", "a" * 65, "x\u00e9", '"', "a;b"])
def test_a_request_id_that_is_not_sane_is_replaced(client: FlaskClient, sent: str) -> None:
    given = client.get("/healthz", headers={"X-Request-Id": sent}).headers["X-Request-Id"]
    assert given != sent
    assert len(given) == 32


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1234:5678::9", "2001:db8:1234::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unix:", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses_are_truncated(address: str | None, kept: str | None) -> None:
    assert truncated_address(address) == kept


@pytest.mark.parametrize(
    ("proxies", "kept"), [(0, "127.0.0.0/24"), (1, "203.0.113.0/24"), (2, "198.51.100.0/24")]
)
def test_forwarded_addresses_count_only_from_trusted_proxies(
    new_client: Any, log_lines: Any, proxies: int, kept: str
) -> None:
    client = new_client(trusted_proxies=proxies)
    client.get("/healthz", headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.77"})
    assert request_lines(log_lines)[-1]["client"] == kept


def test_an_exception_is_one_line_of_json() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("api", logging.ERROR, "x.py", 1, "failed %s", ("here",), sys.exc_info())
    written = JsonLines().format(record)
    assert "\n" not in written
    assert json.loads(written)["message"] == "failed here"
    assert "ValueError: two\nlines" in json.loads(written)["exception"]
