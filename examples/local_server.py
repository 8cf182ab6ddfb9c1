"""Runs the API on a free port of this machine for as long as a block of code needs it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models.errors import FruitsError

ROOT = Path(__file__).resolve().parents[1]
READY_TIMEOUT_S = 90
STOP_TIMEOUT_S = 15
LOG_LINES_SHOWN = 20


class DemoFailed(Exception):
    """Something that the demonstration needs did not work; the message says what, and what was logged."""


def exit_code_of(run: Callable[[], None]) -> int:
    """Run a demonstration; return 0, 1 when something failed, 130 when interrupted, and say so."""
    # What a build writes comes in between, in order, also into a pipe.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        run()
    except (DemoFailed, FruitsError, OSError) as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; what was started has been stopped.", file=sys.stderr)
        return 130
    return 0


@contextmanager
def local_server(settings: Mapping[str, str], log: Path) -> Iterator[str]:
    """Start gunicorn as in production, wait until it is ready, and stop it at the end whatever happens.

    Args:
        settings: `FRUITS_*` variables; none of the caller's own are handed on.
        log: file for what the server says.

    Yields:
        The base address, such as `http://127.0.0.1:41873`.

    Raises:
        DemoFailed: it ended or was not ready in time; the message holds the end of its log.
    """
    port = _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRUITS_")}
    command = [sys.executable, "-m", "gunicorn", "--config", "api/gunicorn.conf.py"]
    command += ["--bind", f"127.0.0.1:{port}", "api.wsgi:app"]
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches this process only, which then stops the server in order.
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(server, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        _stop(server)


def end_of(log: Path) -> str:
    """Return the last lines of a log."""
    lines = log.read_text("utf-8", "replace").splitlines()[-LOG_LINES_SHOWN:]
    return "\n".join(f"    {line}" for line in lines) or "    (nothing was logged)"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    last = "no answer yet"
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DemoFailed(
                f"The server ended at once (exit code {server.returncode}). It said:\n{end_of(log)}"
            )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            last = f"HTTP {answer.status}: {answer.read(500).decode('utf-8', 'replace')}"
            if answer.status == 200:
                return
        except (OSError, http.client.HTTPException) as error:
            last = str(error)
        finally:
            connection.close()
        time.sleep(0.2)
    raise DemoFailed(f"The server was not ready after {READY_TIMEOUT_S} s ({last}). It said:\n{end_of(log)}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, by its own process id; insist when it does not."""
    if server.poll() is not None:
        return
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
