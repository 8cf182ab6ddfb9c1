"""The bytes of photos that one process holds at the same time are bounded."""

import io
from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from api.body import Body
from api.deadlines import Deadlines
from api.problems import Refusal
from api.room import SMALL_BYTES, Room


def body(room: Room, size: int) -> Body:
    environ = EnvironBuilder(method="POST").get_environ() | {"wsgi.input": io.BytesIO(bytes(size))}
    return Body(Request(environ), 10 * size, 30, Deadlines("bodies"), clock=lambda: 0.0, room=room)


def read_all(one: Body) -> None:
    while one.read():
        pass


def test_what_many_bring_at_the_same_time_is_refused_beyond_the_room_there_is() -> None:
    room = Room(1_500_000)
    first, second = body(room, SMALL_BYTES + 1_000_000), body(room, SMALL_BYTES + 1_000_000)
    read_all(first)
    assert room.taken == 1_000_000
    with pytest.raises(Refusal) as refused:
        read_all(second)
    assert refused.value.code == "overloaded"
    assert refused.value.headers["Retry-After"]
    second.release()
    assert room.taken == 1_000_000
    first.release()
    assert room.taken == 0
    read_all(body(room, SMALL_BYTES + 1_000_000))


def test_a_small_photo_finds_room_always() -> None:
    room = Room(0)
    read_all(body(room, SMALL_BYTES))
    assert room.taken == 0


def test_each_request_leaves_its_room_to_the_next(new_client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.uploads.MOST_BYTES", 0)
    client = new_client(max_request_bytes=1_900_000)
    for _ in range(5):
        response = client.post("/identify", data=bytes(1_800_000), content_type="image/jpeg")
        assert response.status_code == 415
        response = client.post("/identify", data=bytes(2_000_000), content_type="image/jpeg")
        assert response.status_code == 413
