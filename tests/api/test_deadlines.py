"""What is not called off in time is done; what is called off never is."""

import threading

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
    name = "test-one-thread"
    deadlines, ends = Deadlines(name), [threading.Event() for _ in range(20)]
    for end in ends:
        deadlines.add(SOON_S, end.set)
    watching = [thread for thread in threading.enumerate() if thread.name == name]
    assert len(watching) <= 1
    assert all(end.wait(PATIENCE_S) for end in ends)
    for thread in watching:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    again = threading.Event()
    deadlines.add(SOON_S, again.set)
    assert again.wait(PATIENCE_S)
