"""How gunicorn serves the API: threads over a few processes, so that a slow sender blocks nobody."""

import math
import os
import resource
import sys
from pathlib import Path
from typing import Any

# Before Arrow is loaded, which reads a bundle's rows: its own pools keep 8 MB a worker that nobody uses.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
# This file is read before gunicorn puts the working folder on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from api.metrics_server import MetricsEndpoint
from api.native_memory import keep_little_freed_memory
from api.settings import Settings
from api.worker import fruits_worker
from models.errors import SettingsError

try:
    _settings = Settings.from_environ()
except SettingsError as error:
    sys.exit(f"Wrong settings: {error}")

bind = _settings.bind
worker_class = fruits_worker(_settings.header_timeout_s)
workers = _settings.workers
threads = _settings.threads
# Those that wait, too; each is a descriptor, and the rest of the worker needs some.
worker_connections = min(1000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
# Off: each worker makes the application, and with it its threads, after the fork.
preload_app = False
# Longer than a browser keeps a connection idle between two photos, shorter than any proxy's patience.
keepalive = 5
timeout = 60
# A stop lets every request that has begun come to its end: its body, its wait for a core, its answer.
graceful_timeout = math.ceil(_settings.body_timeout_s + _settings.queue_timeout_s) + 5
# Heartbeats in memory: a stalling disk must not kill a worker, and a read-only container has no other place.
_shared_memory = Path("/dev", "shm")
worker_tmp_dir = str(_shared_memory) if os.access(_shared_memory, os.W_OK) else None
control_socket_disable = True
# By default gunicorn lets callers on this machine, and whoever a proxy there passes on, set SCRIPT_NAME and
# PATH_INFO by headers of those names: another path than was asked for, or 500.
forwarder_headers = ""
# The application writes its own line a request, without addresses and file names.
accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "api.request_log.JsonLines"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
}


def on_starting(server: Any) -> None:
    """Open Prometheus' port and set how memory is freed, before the first worker is forked."""
    keep_little_freed_memory()
    server.metrics_endpoint = None
    if _settings.metrics_address:
        try:
            server.metrics_endpoint = MetricsEndpoint(_settings.metrics_address)
        except SettingsError as error:
            sys.exit(f"Wrong settings: {error}")


def post_fork(server: Any, _worker: Any) -> None:
    """Answer Prometheus from every worker."""
    if server.metrics_endpoint:
        server.metrics_endpoint.serve()


def child_exit(server: Any, worker: Any) -> None:
    """Take a worker that ended out of what is true of the moment."""
    if server.metrics_endpoint:
        server.metrics_endpoint.forget(worker.pid)


def on_exit(server: Any) -> None:
    """Leave nothing behind."""
    if server.metrics_endpoint:
        server.metrics_endpoint.close()
