"""Runs an application under gunicorn for as long as a bench needs it, from the moment of its start on."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.table import ROOT

OURS = ("--config", "api/gunicorn.conf.py", "api.wsgi:app")
_STOP_TIMEOUT_S = 60


@dataclass(frozen=True)
class Started:
    """A server that was started, ready or not: requests wait in the socket for the first worker.

    Attributes:
        base: its address.
        at: `time.perf_counter()` of its start.
        master: its first process.
    """

    base: str
    at: float
    master: psutil.Process

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that answer."""
        return self.master.children()

    def cpu_s(self) -> float:
        """CPU seconds that the workers have spent so far, in user mode and in the kernel."""
        times = [worker.cpu_times() for worker in self.workers]
        return sum(time.user + time.system for time in times)

    def resident_mb(self) -> float:
        """Resident memory of a worker, the mean of all, in MB of 10^6 bytes."""
        sizes = [worker.memory_info().rss for worker in self.workers]
        return sum(sizes) / len(sizes) / 1e6


@contextmanager
def gunicorn(arguments: Sequence[str], settings: Mapping[str, str], log: Path) -> Iterator[Started]:
    """Run gunicorn on a socket that listens already, and stop it at the end.

    Args:
        arguments: of gunicorn: options and the application.
        settings: environment variables; no `FRUITS_*` of the caller are handed on.
        log: file for what it says.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FRUITS_")}
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening, log.open("wb") as output:
        command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{listening.fileno()}", *arguments]
        at = time.perf_counter()
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listening.fileno()],
        )
        try:
            base = f"http://127.0.0.1:{listening.getsockname()[1]}"
            yield Started(base, at, psutil.Process(server.pid))
        finally:
            server.terminate()
            try:
                server.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
