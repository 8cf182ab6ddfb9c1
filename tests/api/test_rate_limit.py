"""A client network may ask so often, and is told what it has left."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.rate_limit import Quota, RateLimit
from api.setting_values import Rate


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_so_many_requests_are_allowed_in_a_window() -> None:
    clock = Clock()
    limit = RateLimit(Rate(2, 60), clock)
    assert limit.take("a") == Quota(True, 1, 60)
    clock.now += 10.5
    assert limit.take("a") == Quota(True, 0, 50)
    assert limit.take("a") == Quota(False, 0, 50)
    assert limit.take("b") == Quota(True, 1, 60)
    clock.now += 49.4
    assert limit.take("a") == Quota(False, 0, 1)
    clock.now += 0.2
    assert limit.take("a") == Quota(True, 1, 60)


def test_networks_that_fell_silent_are_forgotten() -> None:
    clock = Clock()
    limit = RateLimit(Rate(2, 60), clock)
    for number in range(1000):
        limit.take(str(number))
    clock.now += 60
    limit.take("a")
    assert list(limit._windows) == ["a"]


def test_no_flood_of_networks_fills_the_memory() -> None:
    limit = RateLimit(Rate(1, 86_400), Clock(), max_networks=100)
    for number in range(10_000):
        limit.take(str(number))
    assert len(limit._windows) == 100
    assert limit.take("9999") == Quota(False, 0, 86_400)
    assert limit.take("0").allowed


def test_a_full_table_takes_some_megabytes_at_most() -> None:
    limit = RateLimit(Rate(1, 60), Clock())
    for number in range(50_000):
        limit.take(f"2001:db8:{number:x}::/48")
    entry = sum(map(sys.getsizeof, next(iter(limit._windows.items()))))
    assert (sys.getsizeof(limit._windows) + 50_000 * (entry + 2 * 28)) / 1e6 < 20


def test_threads_never_get_more_than_the_rate() -> None:
    limit = RateLimit(Rate(100, 60), Clock())
    with ThreadPoolExecutor(8) as pool:
        quotas = list(pool.map(lambda _: limit.take("a"), range(400)))
    assert sum(quota.allowed for quota in quotas) == 100


@pytest.mark.parametrize(("workers", "share"), [(1, 60), (2, 30), (7, 9), (100, 1)])
def test_each_worker_allows_its_share(workers: int, share: int) -> None:
    assert Rate(60, 60).share(workers) == Rate(share, 60)


@pytest.fixture
def limited(new_client: Callable[..., FlaskClient]) -> FlaskClient:
    return new_client(rate_limit="6/hour", workers=2, trusted_proxies=1)


def ask(client: FlaskClient, form: Any, jpeg: bytes, address: str) -> Any:
    return client.post("/identify", **form(jpeg), headers={"X-Forwarded-For": address})


def test_answers_say_what_is_left_and_then_when_to_come_back(
    limited: FlaskClient, form: Any, jpeg: bytes
) -> None:
    answers = [ask(limited, form, jpeg, "203.0.113.7") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"identify";q=3;w=3600'}
    left = [answer.headers["RateLimit"].split(";t=")[0] for answer in answers]
    assert left == ['"identify";r=2', '"identify";r=1', '"identify";r=0', '"identify";r=0']
    refused = answers[-1]
    assert refused.get_json(force=True)["code"] == "rate_limited"
    seconds = int(refused.headers["Retry-After"])
    assert 3500 < seconds <= 3600
    assert refused.headers["RateLimit"].endswith(f";t={seconds}")


def test_a_network_is_counted_as_one_and_others_are_not_affected(
    limited: FlaskClient, form: Any, jpeg: bytes
) -> None:
    for host in (7, 8, 9):
        assert ask(limited, form, jpeg, f"203.0.113.{host}").status_code == 200
    assert ask(limited, form, jpeg, "203.0.113.200").status_code == 429
    assert ask(limited, form, jpeg, "203.0.114.7").status_code == 200
    assert ask(limited, form, jpeg, "2001:db8:1:1::1").status_code == 200


def test_a_client_cannot_pass_for_another_without_a_trusted_proxy(
    new_client: Callable[..., FlaskClient], form: Any, jpeg: bytes
) -> None:
    client = new_client(rate_limit="1/hour", workers=1)
    assert ask(client, form, jpeg, "203.0.113.7").status_code == 200
    assert ask(client, form, jpeg, "198.51.100.7").status_code == 429


def test_bad_photos_count_and_reading_facts_does_not(limited: FlaskClient, form: Any, jpeg: bytes) -> None:
    for _ in range(3):
        assert ask(limited, form, b"words", "203.0.113.7").status_code == 415
    assert ask(limited, form, jpeg, "203.0.113.7").status_code == 429
    facts = limited.get("/fruits", headers={"X-Forwarded-For": "203.0.113.7"})
    assert facts.status_code == 200
    assert "RateLimit" not in facts.headers


def test_without_a_rate_there_is_no_limit_and_nothing_is_said_of_one(
    client: FlaskClient, form: Any, jpeg: bytes
) -> None:
    answers = [client.post("/identify", **form(jpeg)) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers
