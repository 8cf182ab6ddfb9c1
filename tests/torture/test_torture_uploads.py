"""Hostile uploads by the thousand: none answered 500, no worker lost, and nobody else waits for them."""

import json
import socket
import time
from itertools import islice
from pathlib import Path

import pytest

from batch.synthetic import FRUIT_IDS, render
from tests.bench.client import Client
from tests.bench.table import percentile
from tests.torture.counts import Counted
from tests.torture.hostile_uploads import GoodClient, Outcomes, send_all
from tests.torture.raw_http import read_reply
from tests.torture.running_server import running_server
from tests.torture.watched_workers import WatchedWorkers

MOST_RESIDENT_BYTES = 400_000_000
ASKED_ABOUT = 5
SETTINGS = {"FRUITS_HEADER_TIMEOUT_S": "3", "FRUITS_BODY_TIMEOUT_S": "4"}


def drill(
    folder: Path, uploads: int, slow: int, megapixels: int
) -> tuple[Outcomes, GoodClient, WatchedWorkers]:
    """Send hostile uploads to a real server while somebody else asks about fruit."""
    log = folder / "server.log"
    with running_server(SETTINGS, log) as server:
        good = GoodClient(server.base, recognised(server.base))
        with WatchedWorkers(server.master) as workers, good:
            outcomes = send_all(int(server.base.rpartition(":")[2]), uploads, slow, megapixels)
    print(f"\nhow they were answered: {dict(outcomes.answers.most_common())}")
    print(
        f"most MB in a worker {workers.peak_bytes / 1e6:.0f}, apart {workers.peak_apart_bytes / 1e6:.0f}; "
        f"{len(good.milliseconds)} good requests, {len(good.failures)} failed"
    )
    assert not outcomes.faults, "\n".join(outcomes.faults[:20])
    assert errors_logged(log) == []
    assert workers.after == workers.before
    assert 0 < workers.peak_bytes < MOST_RESIDENT_BYTES
    assert workers.peak_apart_bytes < MOST_RESIDENT_BYTES
    assert good.failures == []
    assert outcomes.kinds.total() == uploads + slow
    return outcomes, good, workers


def recognised(base: str) -> list[tuple[str, bytes]]:
    """Find some rendered fruits that the server names rightly when nothing disturbs it."""
    with Client(base) as client:
        photos = ((fruit, render(fruit, number, kind="asked")) for number in range(3) for fruit in FRUIT_IDS)
        right = (
            (fruit, photo)
            for fruit, photo in photos
            if client.identify(photo).body["results"][0]["fruit"] == fruit
        )
        found = list(islice(right, ASKED_ABOUT))
    assert len(found) == ASKED_ABOUT
    return found


def errors_logged(log: Path) -> list[str]:
    """Lines of the log that tell of an error, and lines that are no log."""
    lines = log.read_text("utf-8", "replace").splitlines()
    wrong = [
        line
        for line in lines
        if not line.startswith("{") or json.loads(line)["level"] in ("error", "critical")
    ]
    # LiteRT says this on its own when a network is loaded.
    return [line for line in wrong if "XNNPACK" not in line]


def test_some_hundred_hostile_uploads_harm_nobody(tmp_path: Path) -> None:
    outcomes, good, _ = drill(tmp_path, uploads=230, slow=6, megapixels=1)
    assert set(outcomes.kinds) == {"mutated photo", "bomb", "polyglot", "abuse of HTTP", "slow sender"}
    assert {"200", "400", "415", "422"} <= set(outcomes.answers)
    assert len(good.milliseconds) > 5


@pytest.mark.parametrize(("told", "status"), [(2, 200), (3, 0)])
def test_an_answer_that_breaks_off_is_none(told: int, status: int) -> None:
    server_end, client_end = socket.socketpair()
    with server_end, client_end:
        server_end.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {told}\r\n\r\n{{}}".encode())
        server_end.shutdown(socket.SHUT_WR)
        assert read_reply(client_end).status == status


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_ten_thousand_hostile_uploads_harm_nobody(tmp_path: Path) -> None:
    started = time.monotonic()
    outcomes, good, workers = drill(tmp_path, uploads=9_800, slow=200, megapixels=48)
    assert outcomes.answers["408"] > 0
    Counted(
        key="10-hostile-uploads",
        what="hostile uploads: "
        + ", ".join(f"{kind} {times:,}" for kind, times in outcomes.kinds.most_common()),
        times=outcomes.kinds.total(),
        outcomes={
            **dict(sorted(outcomes.answers.items())),
            "500": outcomes.answers["500"],
            "workers lost": len(workers.before - workers.after),
            "most MB in a worker": round(workers.peak_bytes / 1e6),
            "most MB in a process for a large photo": round(workers.peak_apart_bytes / 1e6),
            "good requests meanwhile, all answered rightly": len(good.milliseconds),
            "their p50, ms": round(percentile(good.milliseconds, 50)),
            "p95, ms": round(percentile(good.milliseconds, 95)),
            "longest, ms": round(max(good.milliseconds)),
        },
        seconds=time.monotonic() - started,
    ).save()
