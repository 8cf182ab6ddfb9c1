"""Request ids, and one JSON line a request that says nothing about what was photographed or by whom.

Never logged: image bytes, file names, query strings, paths as sent, whole client addresses.
"""

import ipaddress
import json
import logging
import re
import sys
import time
import uuid
from datetime import UTC, datetime

from flask import Flask, Response, g, request

from api.metrics import Metrics

log = logging.getLogger("api.request")
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Attributes of every LogRecord: whatever else a record carries was given through `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, logger, message, then what `extra` gave."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; an exception becomes one string."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": when,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {k: v for k, v in vars(record).items() if k not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging() -> None:
    """Send the API's log to standard output; for entry points only."""
    root = logging.getLogger("api")
    if not root.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(JsonLines())
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        root.propagate = False


def install(app: Flask, metrics: Metrics | None = None) -> None:
    """Give every request an id and, at its end, a line in the log and its place in the numbers."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        sent = request.headers.get("X-Request-Id", "")
        g.request_id = sent if SANE_ID.fullmatch(sent) else uuid.uuid4().hex

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        seconds = time.perf_counter() - g.started
        log.info("request", extra=_line(response, seconds))
        if metrics:
            metrics.count(response, seconds)
        return response


def _line(response: Response, seconds: float) -> dict[str, object]:
    body = g.get("body")
    return {
        "request_id": g.request_id,
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "code": g.get("problem_code"),
        "ms": round(1000 * seconds, 1),
        "bytes_in": body.bytes_read if body else 0,
        "client": truncated_address(request.remote_addr),
        "bundle": g.get("bundle_version"),
        "rank": g.get("rank"),
    }


def truncated_address(address: str | None) -> str | None:
    """Keep the network of an address, /24 of IPv4 and /48 of IPv6, and drop the host; None if it is none."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))
