"""Every error leaves as a problem document, with a status and without internals."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.problems import KINDS, MEDIA_TYPE
from models.errors import FruitsError, PhotoTooSmall, StoreUnavailable


def tree(kind: type[FruitsError]) -> Iterator[type[FruitsError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def test_every_error_of_the_kernel_has_a_status() -> None:
    codes = {kind.code for kind in tree(FruitsError) if kind.__module__ == "models.errors"}
    assert len(codes) > 20
    assert codes <= KINDS.keys()


def test_a_photo_error_is_the_clients_and_every_other_kernel_error_is_ours() -> None:
    for kind in tree(FruitsError):
        assert (KINDS[kind.code].status < 500) == kind.__name__.startswith(
            ("Photo", "NotAn", "Undec", "Unread")
        )


def test_a_problem_says_what_rfc_9457_asks_for(client: FlaskClient) -> None:
    response = client.get("/nowhere", headers={"X-Request-Id": "abc-1"})
    assert response.content_type == MEDIA_TYPE
    assert response.get_json(force=True) == {
        "type": "urn:problem-type:fruits:not_found",
        "title": "No such page",
        "status": 404,
        "detail": response.get_json(force=True)["detail"],
        "code": "not_found",
        "request_id": "abc-1",
        "instance": "/nowhere",
    }


@pytest.mark.parametrize(
    ("path", "allowed"), [("/identify", {"POST", "OPTIONS"}), ("/fruits", {"GET", "HEAD", "OPTIONS"})]
)
def test_another_method_is_refused_with_those_allowed(
    client: FlaskClient, path: str, allowed: set[str]
) -> None:
    response = client.delete(path)
    assert (response.status_code, response.get_json(force=True)["code"]) == (405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_an_unexpected_error_shows_nothing_but_is_logged(
    client: FlaskClient, identifier: Any, form: Any, jpeg: bytes, log_lines: Any
) -> None:
    identifier.failure = ZeroDivisionError("secret detail")
    response = client.post("/identify", **form(jpeg), headers={"X-Request-Id": "abc-2"})
    assert (response.status_code, response.get_json(force=True)["code"]) == (500, "internal")
    assert b"secret" not in response.data
    assert b"Traceback" not in response.data
    logged = [line for line in log_lines() if "exception" in line]
    assert [line["request_id"] for line in logged] == ["abc-2"]
    assert "ZeroDivisionError: secret detail" in logged[0]["exception"]


def test_trouble_with_the_store_is_not_told_to_the_client(
    client: FlaskClient, identifier: Any, form: Any, jpeg: bytes, log_lines: Any
) -> None:
    identifier.failure = StoreUnavailable("s3://private-bucket does not answer")
    app = client.application
    app.test_client_class = None  # the status is right, but /identify itself never raises this
    response = app.test_client().post("/identify", **form(jpeg))
    assert (response.status_code, response.get_json(force=True)["code"]) == (503, "store_unavailable")
    assert b"private-bucket" not in response.data
    assert any("private-bucket" in line.get("exception", "") for line in log_lines())


def test_a_single_photo_is_not_counted_in_the_detail(
    client: FlaskClient, identifier: Any, form: Any, jpeg: bytes
) -> None:
    identifier.failure = PhotoTooSmall("Too small.")
    assert client.post("/identify", **form(jpeg)).get_json(force=True)["detail"] == "Too small."
