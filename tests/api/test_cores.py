"""One request a core, a short queue, and a clear answer to the rest."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.cores import Cores, slots_per_worker
from api.problems import Refusal


def test_a_full_queue_is_answered_503_with_retry_after_and_nobody_in_it_is_lost(
    new_client: Any, identifier: Any, form: Any, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.slots_per_worker", lambda workers: 1)
    client = new_client(queue=0)
    identifier.open_gate.clear()
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(
            lambda: client.application.test_client().post("/identify", **form(jpeg)).status_code
        )
        assert identifier.entered.acquire(timeout=30)
        refused = client.post("/identify", **form(jpeg))
        identifier.open_gate.set()
        assert working.result(30) == 200
    assert (refused.status_code, refused.get_json(force=True)["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "2"
    assert client.post("/identify", **form(jpeg)).status_code == 200


def test_a_request_in_the_queue_gets_its_turn() -> None:
    cores = Cores(slots=1, queue=1, timeout_s=30)
    done = threading.Event()

    def second() -> None:
        with cores.slot():
            done.set()

    with ThreadPoolExecutor(1) as pool:
        with cores.slot():
            waiting = pool.submit(second)
            assert not done.is_set()
        waiting.result(30)
    assert done.is_set()


def test_whoever_came_first_works_first_and_nobody_overtakes() -> None:
    cores, order, waiting = Cores(slots=1, queue=5, timeout_s=30), [], []

    def work(number: int) -> None:
        with cores.slot():
            order.append(number)

    with cores.slot():
        for number in range(4):
            waiting.append(threading.Thread(target=work, args=(number,)))
            waiting[-1].start()
            while len(cores._waiting) <= number:
                time.sleep(0.001)
    with cores.slot():  # comes back at once, behind all of them
        order.append(4)
    for thread in waiting:
        thread.join(30)
    assert order == [0, 1, 2, 3, 4]


def test_a_turn_that_comes_at_the_last_moment_is_taken() -> None:
    cores = Cores(slots=1, queue=1, timeout_s=30)
    with cores.slot():
        turn = cores._admit()
        assert turn is not None
    cores._give_up(turn)  # too late: the slot was handed over
    cores._leave()
    with cores.slot():
        assert cores._free == 0
    assert (cores._free, cores.full) == (1, False)


def test_a_wait_that_takes_too_long_is_refused_and_leaves_the_queue() -> None:
    cores = Cores(slots=1, queue=1, timeout_s=0)
    with cores.slot():
        for _ in range(3):
            with pytest.raises(Refusal), cores.slot():
                pass
    with cores.slot():
        pass


def test_a_failure_gives_its_core_back() -> None:
    cores = Cores(slots=1, queue=0, timeout_s=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), cores.slot():
            raise ZeroDivisionError


def test_every_worker_has_at_least_one_core() -> None:
    assert slots_per_worker(10_000) == 1
    assert slots_per_worker(1) >= 1
