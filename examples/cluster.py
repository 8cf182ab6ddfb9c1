"""Runs a real Spark cluster on this machine, a master and workers as processes of their own, for as long as a
block of code needs it.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyspark

from batch.java import ensure_java
from examples.local_server import DemoFailed, end_of

SPARK_HOME = Path(pyspark.__file__).parent
_HOST = "127.0.0.1"
_START_TIMEOUT_S = 180
_STOP_TIMEOUT_S = 20
_DAEMON_MEMORY = "256m"
_MASTER_UP = re.compile(r"Starting Spark master at (spark://[\w.]+:\d+)")
_WORKER_UP = re.compile(r"Successfully registered with master (\S+)")


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        master: its address, `spark://127.0.0.1:PORT`.
        folder: logs of master and workers, and the working folders of executors below `worker-N/`.
    """

    master: str
    folder: Path
    _workers: Sequence[subprocess.Popen[bytes]]

    def kill_worker(self, number: int) -> None:
        """Kill a worker and its executors at once, as when a machine goes dark; they count from 0."""
        _kill(self._workers[number])


@contextmanager
def local_cluster(folder: Path, *, workers: int = 2, cores: int = 1, memory: str = "2g") -> Iterator[Cluster]:
    """Start a master and workers on free ports of the loopback, and stop them whatever happens.

    Args:
        folder: for logs and working files; made if missing.
        workers: processes that stand for machines.
        cores: that each of them offers.
        memory: that each of them offers to JVMs, such as `2g`.

    Raises:
        DemoFailed: one of them did not start; the message holds the end of its log.
        SettingsError: no Java.
    """
    folder.mkdir(parents=True, exist_ok=True)
    started: list[subprocess.Popen[bytes]] = []
    try:
        log = folder / "master.log"
        at = ["--host", _HOST, "--port", "0", "--webui-port", "0"]
        started.append(_start("master.Master", at, log))
        address = _wait_for(_MASTER_UP, started[0], log)
        logs = [folder / f"worker-{number}.log" for number in range(workers)]
        for number, log in enumerate(logs):
            offer = ["--cores", str(cores), "--memory", memory]
            place = ["--work-dir", str(folder / f"worker-{number}")]
            started.append(_start("worker.Worker", [*at, *offer, *place, address], log))
        for process, log in zip(started[1:], logs, strict=True):
            _wait_for(_WORKER_UP, process, log)
        yield Cluster(address, folder, tuple(started[1:]))
    finally:
        for process in reversed(started):
            _stop(process)


def _start(daemon: str, arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a daemon in a process group of its own, which its executors then share."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    environment |= {
        "JAVA_HOME": str(ensure_java()),
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": _HOST,
        "SPARK_DAEMON_MEMORY": _DAEMON_MEMORY,
        "PYSPARK_PYTHON": sys.executable,
    }
    command = [str(SPARK_HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{daemon}", *arguments]
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=log.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_for(line: re.Pattern[str], process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until a daemon has logged a line, and give what the line names."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        found = line.search(log.read_text("utf-8", "replace"))
        if found:
            return found[1]
        if process.poll() is not None:
            raise DemoFailed(f"{log.stem} ended at once (exit code {process.returncode}):\n{end_of(log)}")
        time.sleep(0.2)
    raise DemoFailed(f"{log.stem} did not start within {_START_TIMEOUT_S} s:\n{end_of(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a daemon to end, then make sure that nothing of its group is left."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_TIMEOUT_S)
    _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the group of a daemon: itself and its executors' JVMs, whose Python workers end with them."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
