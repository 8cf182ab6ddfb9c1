"""Bundles are swapped under load: not one request fails, and not one answer mixes two versions."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from api.identify import describe
from examples.local_server import local_server
from models.identifier import Identifier
from tests.end_to_end.swap_bundles import (
    Coloured,
    ask,
    coloured_bundle,
    loads,
    plain_photo,
    published_pair,
    wait_for_loads,
)

WORKERS = 2


class Clients:
    """Threads that send photos one after another, and what became of each."""

    def __init__(self, base: str, bundles: list[Coloured], count: int) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._base, self._bundles, self._photo = base, bundles, plain_photo()
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def wait_for_answers(self, more: int) -> None:
        """Let so many further requests be answered or fail."""
        goal = self.total() + more
        while self.total() < goal:
            self._stopped.wait(0.01)

    def total(self) -> int:
        with self._lock:
            return self.answers.total() + len(self.failures)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                answer = ask(self._base, self._photo)
            except Exception as error:  # noqa: BLE001 - whatever a client may meet is what is counted
                self._count(None, repr(error))
                continue
            shown = [bundle.colour for bundle in self._bundles if bundle.shown_by(answer)]
            self._count(shown[0] if shown else None, f"mixed: {answer}")

    def _count(self, colour: str | None, failure: str) -> None:
        with self._lock:
            if colour:
                self.answers[colour] += 1
            else:
                self.failures.append(failure[:1000])


@pytest.mark.parametrize("swaps", [2, pytest.param(40, marks=pytest.mark.drill)])
@pytest.mark.timeout(900)
def test_while_bundles_are_swapped_no_request_fails_and_no_answer_mixes_two_versions(
    s3_server: Any, tmp_path: Path, swaps: int
) -> None:
    store, bundles, pointer, settings = published_pair(s3_server, tmp_path)
    settings |= {"FRUITS_WORKERS": str(WORKERS), "FRUITS_QUEUE_TIMEOUT_S": "60"}
    log = tmp_path / "server.log"
    with local_server(settings, log) as base:
        wait_for_loads(log, WORKERS)
        with Clients(base, bundles, count=4) as clients:
            for swap in range(1, swaps + 1):
                clients.wait_for_answers(4)
                pointer = store.promote(bundles[(swap + 1) % 2].version, pointer)
                wait_for_loads(log, WORKERS * (swap + 1))
            clients.wait_for_answers(4)
    assert clients.failures == []
    assert clients.answers.keys() == {"red", "green"}
    assert clients.answers.total() >= 4 * swaps
    assert Counter(loads(log))[bundles[0].version] == WORKERS * ((swaps + 1) // 2)
    assert len(loads(log)) == WORKERS * (swaps + 1)
    print(
        f"{swaps} swaps by {WORKERS} workers under {clients.answers.total()} requests: none failed or mixed"
    )


def test_an_answer_put_together_from_two_bundles_gives_itself_away(tmp_path: Path) -> None:
    """The drill above could not fail if this did not hold."""
    red, green = (coloured_bundle(tmp_path / colour, colour) for colour in ("red", "green"))
    one, other = Identifier.load(red.folder), Identifier.load(green.folder)
    photo = plain_photo()
    assert red.shown_by(describe(one.identify([photo]), one, "en", 0.0))
    assert green.shown_by(describe(other.identify([photo]), other, "en", 0.0))
    mixed = [describe(one.identify([photo]), other, "en", 0.0)]
    for part in ("_rows", "decision", "catalogue", "manifest"):
        own = getattr(one, part)
        setattr(one, part, getattr(other, part))
        mixed.append(describe(one.identify([photo]), one, "en", 0.0))
        setattr(one, part, own)
    assert [answer for answer in mixed if red.shown_by(answer) or green.shown_by(answer)] == []
