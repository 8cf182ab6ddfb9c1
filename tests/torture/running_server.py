"""The server under torture as its processes: gunicorn's master and its workers."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from examples.local_server import local_server

PATIENCE_S = 60.0


@dataclass(frozen=True)
class RunningServer:
    """A running gunicorn: its address and its master process."""

    base: str
    master: psutil.Process

    def workers(self) -> list[psutil.Process]:
        """List the worker processes, the oldest first."""
        return sorted(self.master.children(), key=psutil.Process.create_time)

    def wait_for_workers(self, count: int, besides: set[int]) -> list[psutil.Process]:
        """Wait until there are so many workers that are none of the given process ids."""
        deadline = time.monotonic() + PATIENCE_S
        while len(new := [one for one in self.workers() if one.pid not in besides]) < count:
            assert time.monotonic() < deadline, f"{len(new)} of {count} new workers in {PATIENCE_S} s"
            time.sleep(0.02)
        return new


@contextmanager
def running_server(settings: Mapping[str, str], log: Path) -> Iterator[RunningServer]:
    """Run the API as in production until the block ends."""
    with local_server(settings, log) as base:
        bound = f"127.0.0.1:{urlsplit(base).port}"
        (master,) = [child for child in psutil.Process().children() if bound in child.cmdline()]
        yield RunningServer(base, master)


def ports_in_hand(worker: psutil.Process) -> set[int]:
    """List the clients' ports of the connections that a process holds."""
    return {one.raddr.port for one in worker.net_connections("tcp") if one.raddr}
