"""The bundle is followed behind the service's back: swapped whole, kept on failures, released when unused."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from fake_service import FakeIdentifier, FakeSource

from api.live_bundle import LiveBundle
from api.pace import Pace
from api.problems import Refusal
from models.errors import BundleCorrupt, NetworkError, StoreFull, StoreUnavailable, VersionMissing

FIRST, SECOND = (f"2026112{day}T181500Z-3f9a1c" for day in (2, 3))
GONE = StoreUnavailable("s3://bucket does not answer")


def bundle(version: str = FIRST) -> FakeIdentifier:
    identifier = FakeIdentifier()
    identifier.version = version
    return identifier


@pytest.fixture
def follow() -> Iterator[Callable[..., LiveBundle]]:
    """Follow a source without ever waiting long, until the test ends."""
    with ExitStack() as running:

        def start(source: Any, poll_s: float = 0.005) -> LiveBundle:
            live = LiveBundle(source, Pace(poll_s, retry_s=0.005))
            running.callback(live.stop)
            live.start(wait_s=30)
            return live

        yield start


def test_it_tries_again_until_there_is_a_bundle(follow: Any, log_lines: Any) -> None:
    source = FakeSource([GONE, ValueError("nobody foresaw this"), None, bundle()])
    live = follow(source)
    problems = [live.seen.problem]
    for _ in range(3):
        assert live.served is None
        source.advance()
        problems.append(live.seen.problem)
    assert problems == ["store_unavailable", "error", "store_empty", None]
    assert live.take().version == FIRST
    lines = log_lines()
    assert [line["level"] for line in lines] == ["error", "error", "error", "info", "info"]
    assert "nobody foresaw this" in lines[1]["exception"]
    assert "publish one" in lines[2]["message"]


def test_until_then_it_refuses_with_a_time_to_come_back() -> None:
    live = LiveBundle(FakeSource([(FIRST, BundleCorrupt("network.tflite is altered"))]), Pace(60, 60))
    live.start(wait_s=30)
    assert live.served is None
    with pytest.raises(Refusal) as refused:
        live.take()
    assert (refused.value.code, refused.value.headers) == ("not_ready", {"Retry-After": "60"})
    live.stop()


def test_a_start_does_not_wait_for_a_store_that_hangs() -> None:
    release = threading.Event()

    class Hanging(FakeSource):
        def current(self) -> Any:
            release.wait(30)
            raise GONE

    empty, filled = (LiveBundle(Hanging([None], last_good=held), Pace(60, 60)) for held in (None, bundle()))
    empty.start(wait_s=0)
    filled.start(wait_s=600)  # until there is something to answer from, which is at once
    assert (empty.seen, filled.seen) == (None, None)
    assert empty.served is None
    assert filled.take().version == FIRST
    for live in (empty, filled):
        live.stop()
    release.set()


def test_a_new_version_is_swapped_in_and_says_since_when(follow: Any) -> None:
    source = FakeSource([bundle(FIRST), bundle(SECOND)])
    live = follow(source)
    before = live.served
    source.advance()
    assert (before.identifier.version, live.take().version) == (FIRST, SECOND)
    assert live.served.since > before.since
    assert (live.seen.answered, live.seen.current, live.seen.problem) == (True, SECOND, None)
    source.wait_for_looks(3)
    assert source.loaded == [FIRST, SECOND]


def test_publishing_the_version_at_work_again_loads_nothing(follow: Any) -> None:
    source = FakeSource([bundle(), bundle()])
    live = follow(source)
    served = live.served
    source.advance()
    assert source.loaded == [FIRST]
    assert live.served is served


@pytest.mark.parametrize(
    "error",
    [BundleCorrupt("altered"), NetworkError("no network"), ValueError("nobody foresaw this")],
)
def test_a_bad_bundle_is_refused_once_and_the_one_before_goes_on(
    follow: Any, log_lines: Any, error: Exception
) -> None:
    source = FakeSource([bundle(FIRST), (SECOND, error)])
    live = follow(source)
    source.advance()
    source.wait_for_looks(5)
    assert source.loaded == [FIRST, SECOND]
    assert live.take().version == FIRST
    assert (live.seen.answered, live.seen.current) == (True, SECOND)
    assert live.seen.problem == getattr(error, "code", "error")
    warnings = [line for line in log_lines() if line["level"] != "info"]
    assert [line["level"] for line in warnings] == ["warning"]
    assert warnings[0]["message"] == f"bundle {SECOND} cannot be served: {error}; {FIRST} goes on serving"


def test_a_refused_version_is_tried_again_when_the_pointer_was_moved(follow: Any) -> None:
    bad = (SECOND, BundleCorrupt("altered"))
    source = FakeSource([bundle(FIRST), bad, bundle(FIRST), bad, bundle(SECOND)])
    live = follow(source)
    for _ in range(3):
        source.advance()
    assert source.loaded == [FIRST, SECOND, SECOND]
    source.advance()
    assert source.loaded == [FIRST, SECOND, SECOND, SECOND]
    assert live.take().version == SECOND


@pytest.mark.parametrize(
    "error",
    [GONE, StoreFull("no room"), VersionMissing("not there yet"), OSError("disk"), MemoryError("no room")],
)
def test_what_may_pass_by_itself_is_tried_again(follow: Any, error: Exception) -> None:
    source = FakeSource([bundle(FIRST), (SECOND, error), bundle(SECOND)])
    live = follow(source)
    source.advance()
    source.wait_for_looks(2)
    assert source.loaded.count(SECOND) > 1
    assert live.take().version == FIRST
    source.advance()
    assert live.take().version == SECOND


@pytest.mark.parametrize("outcome", [GONE, None])
def test_the_bundle_at_work_stays_while_the_store_is_out_of_reach_or_emptied(
    follow: Any, log_lines: Any, outcome: Any
) -> None:
    source = FakeSource([bundle(FIRST), outcome, bundle(FIRST)])
    live = follow(source)
    served = live.served
    source.advance()
    source.wait_for_looks(3)
    assert live.served is served
    assert live.seen.answered is (outcome is None)
    assert live.seen.problem
    source.advance()
    assert (live.seen.answered, live.seen.problem) == (True, None)
    assert live.served is served
    levels = [line["level"] for line in log_lines()]
    assert levels == ["info", "warning", "info"]  # loaded, failing (said once), well again


def test_the_last_good_bundle_serves_before_the_store_answers(follow: Any, log_lines: Any) -> None:
    source = FakeSource([GONE, bundle(SECOND)], last_good=bundle(FIRST))
    live = follow(source)
    assert live.take().version == FIRST
    source.wait_for_looks(2)
    assert (live.seen.answered, live.seen.problem) == (False, "store_unavailable")
    source.advance()
    assert live.take().version == SECOND
    loaded, warned = log_lines()[:2]
    assert (loaded["level"], loaded["bundle"]) == ("info", FIRST)
    assert (warned["level"], warned["bundle"], warned["code"]) == ("warning", FIRST, "store_unavailable")


@pytest.mark.parametrize("error", [BundleCorrupt("altered"), ValueError("nobody foresaw this")])
def test_a_last_good_bundle_that_went_bad_does_not_keep_the_current_one_away(
    follow: Any, error: Exception
) -> None:
    live = follow(FakeSource([bundle(SECOND)], last_good=error))
    assert live.take().version == SECOND


def test_a_source_that_never_moves_is_asked_once(follow: Any) -> None:
    source = FakeSource([bundle()])
    source.moves = False
    others = set(threading.enumerate())
    live = follow(source)
    assert live.take().version == FIRST
    assert live.seen is None
    for thread in set(threading.enumerate()) - others:
        thread.join()
    assert source.looks == 1


def test_a_request_keeps_its_bundle_and_the_last_one_releases_it(follow: Any) -> None:
    identifiers = [bundle(FIRST), bundle(SECOND)]
    first = weakref.ref(identifiers[0])
    source = FakeSource(identifiers)
    identifiers.clear()
    live = follow(source)

    @contextmanager
    def request() -> Iterator[Any]:
        yield live.take()

    gc.disable()  # released by its last user, not by a collection some day
    try:
        with request() as early:
            source.advance()
            with request() as late:
                assert (early.version, late.version) == (FIRST, SECOND)
            assert first() is early
            del early
        assert first() is None
    finally:
        gc.enable()
