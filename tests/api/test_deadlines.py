"""What is not called off in time is done; what is called off never is."""

import threading
from typing import Any

import pytest

from api.deadlines import Deadlines

FAR_S = 3600.0
SOON_S = 0.02
PATIENCE_S = 30.0


def test_what_is_due_is_done_although_something_later_was_waited_for() -> None:
    deadlines, done, end = Deadlines("test"), [], threading.Event()
    deadlines.add(FAR_S, lambda: done.append("far away"))
    deadlines.add(SOON_S, end.set)
    assert end.wait(PATIENCE_S)
    assert done == []


def test_what_was_called_off_is_not_done() -> None:
    deadlines, done, end = Deadlines("test"), [], threading.Event()
    deadlines.add(SOON_S, lambda: done.append("called off")).cancel()
    deadlines.add(2 * SOON_S, end.set)
    assert end.wait(PATIENCE_S)
    assert done == []


def test_all_deadlines_share_one_thread_that_ends_when_nothing_is_left() -> None:
    deadlines, ends = Deadlines("test"), [threading.Event() for _ in range(20)]
    others, held = set(threading.enumerate()), threading.Event()
    # The thread is kept busy until all are there.
    deadlines.add(0.0, held.wait)
    for end in ends:
        deadlines.add(0.0, end.set)
    (watching,) = set(threading.enumerate()) - others
    held.set()
    assert all(end.wait(PATIENCE_S) for end in ends)
    watching.join(PATIENCE_S)
    assert not watching.is_alive()
    again = threading.Event()
    deadlines.add(SOON_S, again.set)
    assert again.wait(PATIENCE_S)


def test_a_thread_that_could_not_be_started_is_started_for_the_next_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_thread_is_left(_thread: Any) -> None:
        raise RuntimeError("can't start new thread")

    deadlines, end = Deadlines("test"), threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread_is_left)
        with pytest.raises(RuntimeError):
            deadlines.add(SOON_S, end.set)
    deadlines.add(SOON_S, end.set)
    assert end.wait(PATIENCE_S / 10)
