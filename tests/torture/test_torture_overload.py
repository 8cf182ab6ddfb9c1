"""Ten times more photos than the API can answer, workers that are killed, and stops, all under load."""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.swap_bundles import wait_for_loads
from tests.torture.counts import Counted
from tests.torture.open_loop import Reply, Target, get, percentiles, post_photo
from tests.torture.outcomes import Judge, Outcomes, phone_photo, same_as, sort_out
from tests.torture.running_server import RunningServer, ports_in_hand, running_server

WORKERS = 2
FEW_CLIENTS = 4
TIMES_CAPACITY = 10
PROBES_A_SECOND = 5
LOAD = 0.7
OVERLOAD_S = 60.0
KILLS, STOPS = 20, 10
# The longest that a drill of kills or stops may keep sending.
AT_MOST_S = 500.0
# How long a worker stands still before it is killed: requests gather, and what it holds can be listed.
STANDSTILL_S = 0.1
# How long a half sent photo is kept from the server that stops meanwhile.
HALF_SENT_S = 1.0
# FRUITS_QUEUE_TIMEOUT_S, the longest wait for a core, as the settings state it.
LIMIT_MS = 10_000
QUICK_MS = 1_000
RECOVERED_MS = 2_000


@dataclass(frozen=True)
class Load:
    """A server with its capacity: what few clients get answered a second, one request after another."""

    server: RunningServer
    photos: Target
    right: Judge
    capacity: float

    def target(self, path: str) -> Target:
        """Make a target for a plain request."""
        return Target(self.server.base, get(path))


async def measured(server: RunningServer, seconds: float) -> Load:
    """Measure what a server can do."""
    photos = Target(server.base, post_photo(phone_photo()))
    right = same_as(await photos.ask())
    await photos.keep_asking(FEW_CLIENTS, seconds / 4)
    started = time.monotonic()
    outcomes = sort_out(await photos.keep_asking(FEW_CLIENTS, seconds), right)
    assert (outcomes.refused, outcomes.wrong, outcomes.lost) == ([], [], [])
    return Load(server, photos, right, len(outcomes.right) / (time.monotonic() - started))


@dataclass(frozen=True)
class Overloaded:
    """An overload: what became of it, of the probes meanwhile, and of the first request after it."""

    capacity: float
    outcomes: Outcomes
    probes: list[Reply]
    after: Reply


async def overload(server: RunningServer, seconds: float, capacity: float | None) -> Overloaded:
    """Offer ten times the capacity, and ask for the server's health all the while."""
    if capacity is None:
        load = await measured(server, seconds / 4)
    else:
        photos = Target(server.base, post_photo(phone_photo()))
        load = Load(server, photos, same_as(await photos.ask()), capacity)
    replies, probes = await asyncio.gather(
        load.photos.offer(TIMES_CAPACITY * load.capacity, seconds),
        load.target("/healthz").offer(PROBES_A_SECOND, seconds),
    )
    after = await load.target("/fruits/apple?lang=en").ask()
    return Overloaded(load.capacity, sort_out(replies, load.right), probes, after)


def torment(folder: Path, seconds: float, limited_to: float | None = None) -> Overloaded:
    """Overload a server and check all that no clock decides.

    Args:
        folder: for the server's log.
        seconds: that the overload lasts.
        limited_to: photos a second that a client may send, and that count as the capacity; without it the
            capacity is measured.
    """
    settings = {"FRUITS_WORKERS": str(WORKERS)}
    if limited_to:
        settings["FRUITS_RATE_LIMIT"] = f"{limited_to:.0f}/second"
    with running_server(settings, folder / "server.log") as server:
        seen = asyncio.run(overload(server, seconds, limited_to))
    outcomes = seen.outcomes
    assert (outcomes.wrong, outcomes.lost) == ([], [])
    assert len(outcomes.right) > 0
    assert len(outcomes.refused) > len(outcomes.right)
    assert (len(outcomes.with_status(429)) > 0) == (limited_to is not None)
    assert {probe.status for probe in seen.probes} == {200}
    assert seen.after.status == 200
    return seen


def keep(key: str, what: str, seen: Overloaded, seconds: float) -> None:
    """Hold an overload to its limits of time, and save its counts."""
    outcomes = seen.outcomes
    counts = {
        **outcomes.as_counts(),
        "health answered": len(seen.probes),
        "health within": percentiles(seen.probes),
        "first plain request afterwards, ms": seen.after.ms,
        "the clients began late by at most, ms": max(reply.late_ms for reply in outcomes.all),
    }
    print(counts)
    assert slowest(outcomes.right) <= LIMIT_MS, counts
    assert slowest(outcomes.refused) <= QUICK_MS, counts
    assert slowest(seen.probes) <= QUICK_MS, counts
    assert seen.after.ms <= RECOVERED_MS, counts
    Counted(key, what, len(outcomes.all), counts, seconds).save()


def slowest(replies: list[Reply]) -> float:
    """Give the longest time of some replies, in milliseconds."""
    return max(reply.ms for reply in replies)


def test_ten_times_the_capacity_is_answered_right_or_refused_in_form(tmp_path: Path) -> None:
    torment(tmp_path, seconds=3)


def test_ten_times_a_rate_is_answered_right_or_refused_in_form(tmp_path: Path) -> None:
    torment(tmp_path, seconds=3, limited_to=10)


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_overload_is_answered_within_the_limit_or_refused_quickly(tmp_path: Path) -> None:
    seen = torment(tmp_path, OVERLOAD_S)
    what = f"{TIMES_CAPACITY} times its capacity of {seen.capacity:.0f} photos a second offered"
    keep("40-overload", what, seen, OVERLOAD_S)
    limit = max(WORKERS, seen.capacity // 2)
    limited = torment(tmp_path, OVERLOAD_S, limited_to=limit)
    what = f"{TIMES_CAPACITY} times the rate that a client is allowed, {limit:.0f} photos a second, offered"
    keep("41-overload-limited", what, limited, OVERLOAD_S)


@dataclass(frozen=True)
class Killed:
    """What became of the requests around killed workers.

    Attributes:
        outcomes: of all requests.
        in_hand: connections that the workers held when they died.
        lost_elsewhere: lost requests that no killed worker held.
    """

    outcomes: Outcomes
    in_hand: int
    lost_elsewhere: int


async def kill_workers(server: RunningServer, log: Path, seconds: float, times: int) -> Killed:
    """Kill one worker after another under load; the next one when the successor of the last one serves."""
    load = await measured(server, seconds)
    stopped, in_hand = asyncio.Event(), 0
    ports: set[int] = set()
    sending = asyncio.create_task(load.photos.offer(LOAD * load.capacity, AT_MOST_S, stopped))
    for kill in range(times):
        await asyncio.sleep(seconds)
        worker = server.workers()[0]
        worker.suspend()
        await asyncio.sleep(STANDSTILL_S)
        held = ports_in_hand(worker)
        worker.kill()
        in_hand, ports = in_hand + len(held), ports | held
        await asyncio.to_thread(wait_for_loads, log, WORKERS + kill + 1)
    await asyncio.sleep(seconds)
    stopped.set()
    outcomes = sort_out(await sending, load.right)
    assert len(server.workers()) == WORKERS
    return Killed(outcomes, in_hand, sum(reply.port not in ports for reply in outcomes.lost))


def killings(folder: Path, seconds: float, times: int) -> Killed:
    """Run the drill on a server of its own and check it."""
    log = folder / "server.log"
    with running_server({"FRUITS_WORKERS": str(WORKERS)}, log) as server:
        seen = asyncio.run(kill_workers(server, log, seconds, times))
    assert (seen.outcomes.wrong, seen.lost_elsewhere) == ([], 0)
    assert len(seen.outcomes.lost) <= seen.in_hand
    assert len(seen.outcomes.right) > 0
    return seen


def test_a_killed_worker_loses_no_request_but_its_own_and_is_replaced(tmp_path: Path) -> None:
    killings(tmp_path, seconds=1, times=1)


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_workers_killed_again_and_again_lose_no_request_but_their_own(tmp_path: Path) -> None:
    started = time.monotonic()
    seen = killings(tmp_path, seconds=5, times=KILLS)
    counts = {
        **seen.outcomes.as_counts(),
        "in the hands of those killed": seen.in_hand,
        "lost though in no such hands": seen.lost_elsewhere,
    }
    what = f"a worker killed under {LOAD:.0%} load"
    Counted("42-killed-worker", what, KILLS, counts, time.monotonic() - started).save()


@dataclass(frozen=True)
class Stopped:
    """What became of the requests around a stop.

    Attributes:
        before: of requests whose connection stood when the server was told to stop.
        answered_after: requests that came later, while it still took some.
        turned_away: requests that found nobody listening.
        cut_off: requests that came later and were connected, but not answered.
        half_sent: of the photo of which half was sent when the server was told to stop.
        exit_code: of the server.
        seconds: that the stop took.
    """

    before: Outcomes
    answered_after: int
    turned_away: int
    cut_off: int
    half_sent: Reply
    exit_code: int | None
    seconds: float


async def stop_server(server: RunningServer, seconds: float) -> Stopped:
    """Tell a server to stop under load, and go on sending until it is gone."""
    load = await measured(server, seconds)
    gone, rest = asyncio.Event(), asyncio.Event()
    sending = asyncio.create_task(load.photos.offer(LOAD * load.capacity, AT_MOST_S, gone))
    half = asyncio.create_task(load.photos.ask(half_sent=rest))
    await asyncio.sleep(seconds)
    told_s = time.monotonic()
    server.master.send_signal(signal.SIGTERM)
    ended = asyncio.create_task(asyncio.to_thread(server.master.wait, AT_MOST_S))
    await asyncio.sleep(HALF_SENT_S)
    rest.set()
    exit_code = await ended
    took_s = time.monotonic() - told_s
    gone.set()
    replies = await sending
    later = [reply for reply in replies if not 0 < reply.sent_s < told_s]
    turned_away = sum(reply.error == "ConnectionRefusedError" for reply in later)
    answered = sum(reply.status == 200 or reply.says_when_to_come_back for reply in later)
    before = sort_out((reply for reply in replies if 0 < reply.sent_s < told_s), load.right)
    cut_off = len(later) - turned_away - answered
    return Stopped(before, answered, turned_away, cut_off, await half, exit_code, took_s)


def one_stop(folder: Path, seconds: float) -> Stopped:
    """Run the drill on a server of its own and check it."""
    with running_server({"FRUITS_WORKERS": str(WORKERS)}, folder / "server.log") as server:
        seen = asyncio.run(stop_server(server, seconds))
    assert (seen.before.wrong, seen.before.lost) == ([], [])
    assert len(seen.before.right) > 0
    assert seen.turned_away > 0
    # A connection that comes about between a worker's last look and its closing is reset: microseconds.
    assert seen.cut_off <= 1
    assert seen.half_sent.status == 200
    assert seen.exit_code == 0
    return seen


def test_a_stop_answers_what_was_accepted_and_turns_others_away(tmp_path: Path) -> None:
    one_stop(tmp_path, seconds=1)


@pytest.mark.torture
@pytest.mark.timeout(900)
def test_stops_again_and_again_answer_what_was_accepted(tmp_path: Path) -> None:
    started = time.monotonic()
    seen = [one_stop(tmp_path, seconds=5) for _ in range(STOPS)]
    counts: dict[str, int | float | str] = {
        "accepted before and answered right": sum(len(one.before.right) for one in seen),
        "accepted before and refused": sum(len(one.before.refused) for one in seen),
        "photos half sent and answered right": sum(one.half_sent.status == 200 for one in seen),
        "later: answered": sum(one.answered_after for one in seen),
        "later: connection refused": sum(one.turned_away for one in seen),
        "later: cut off": sum(one.cut_off for one in seen),
        "exit code 0": sum(one.exit_code == 0 for one in seen),
        "slowest stop, s": max(one.seconds for one in seen),
        "wrong": sum(len(one.before.wrong) for one in seen),
        "accepted before and lost": sum(len(one.before.lost) for one in seen),
    }
    what = f"told to stop under {LOAD:.0%} load"
    Counted("43-graceful-stop", what, STOPS, counts, time.monotonic() - started).save()
