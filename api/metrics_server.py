"""Prometheus' port, beside the API's: one address that speaks for all workers.

gunicorn's master opens the address and makes a private folder before it forks. Each worker writes its numbers
there, and each answers whoever asks with the sum of all: a worker that ends or is replaced leaves no gap.
"""

import fcntl
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from api.setting_values import Address
from models.errors import SettingsError

PREFIX = "fruits-metrics-"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
REQUEST_TIMEOUT_S = 10
_LOCK = "lock"
_MEMORY = Path("/dev", "shm")


class MetricsEndpoint:
    """The open address and the folder of numbers, for as long as gunicorn's master runs.

    Args:
        address: where Prometheus asks.

    Raises:
        SettingsError: the address cannot be had, or there is nowhere to write.
    """

    def __init__(self, address: Address) -> None:
        self._listener = _listen(address)
        parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        _remove_left_behind(parent)
        try:
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        except OSError as error:
            raise SettingsError(f"FRUITS_METRICS_BIND needs a folder to write in: {error}.") from error
        # Held by the master and by every worker; what ended without clearing up holds none.
        self._lock = (self.folder / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.environ[VARIABLE] = str(self.folder)

    def serve(self) -> None:
        """Answer from a thread of this process; call it in a worker, after the fork."""
        server = _Server(self._listener, str(self.folder))
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def forget(self, pid: int) -> None:
        """Take what a dead worker did at the moment of its death out of the sums; its counts stay."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid, str(self.folder))

    def close(self) -> None:
        """Close the address and remove the folder."""
        self._listener.close()
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Quiet(WSGIRequestHandler):
    timeout = REQUEST_TIMEOUT_S

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: Prometheus asks every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket, folder: str) -> None:
        from prometheus_client import CollectorRegistry, make_wsgi_app
        from prometheus_client.multiprocess import MultiProcessCollector

        host, port = listener.getsockname()[:2]
        super().__init__((host, port), _Quiet, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = host, port
        self.setup_environ()
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)
        self.set_app(make_wsgi_app(registry))


def _listen(address: Address) -> socket.socket:
    try:
        family, *_, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(where, family=family)
    except OSError as error:
        raise SettingsError(
            f"FRUITS_METRICS_BIND is {address.host} port {address.port}, where nobody can listen: {error}."
        ) from error
    # All workers wait on it; the ones that come too late must not hang.
    listener.setblocking(False)
    return listener


def _remove_left_behind(parent: Path) -> None:
    """Remove the folders of masters that were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            with (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except OSError:
            continue
