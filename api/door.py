"""Who may come in: looked at from a request's head alone, before it costs a thread or its body is read.

A request with a body holds its thread for as long as its client sends; a photo then works on a core or waits
for one. Both are few. What finds no place is refused here, in some microseconds and in the words of
api/problems.py, and the last threads are kept for what needs none of that, so that a crowd of photos does not
keep anybody from asking whether the service is alive.
"""

import json
import logging
import re
import time
import uuid
from enum import Enum
from http import HTTPStatus

from api.cores import OVERLOADED, RETRY_AFTER_S
from api.cors import EXPOSED
from api.problems import KINDS, MEDIA_TYPE
from api.request_log import SANE_ID, truncated_address
from api.schemas import Problem
from api.service import Service

log = logging.getLogger("api.request")
# Threads that requests with a body leave to the others: one in so many, at least one.
SHARE_KEPT = 8
# Requests without a body that may be at hand in one worker: each takes some milliseconds.
MOST_PLAIN = 64
_PROBES = ("/healthz", "/readyz")
_HAS_BODY = re.compile(rb"\r\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)


class Kind(Enum):
    """What a request asks of a worker."""

    UPLOAD = "a thread until its body is there, then a core"
    PLAIN = "a thread for a moment"
    PROBE = "always an answer"


class Door:
    """Lets requests into one worker or refuses them; for the worker's event loop, which is one thread.

    Args:
        service: what the application shares.
        threads: of the worker.
    """

    def __init__(self, service: Service, threads: int) -> None:
        self._service = service
        self._most = {
            Kind.UPLOAD: max(1, threads - max(1, threads // SHARE_KEPT)),
            Kind.PLAIN: MOST_PLAIN,
        }
        self._inside = dict.fromkeys(Kind, 0)

    def enter(self, head: bytes) -> Kind | None:
        """Let a request in by its head, or give None: it is to be refused. Who came in has to `leave`."""
        kind = _kind(head)
        if self._inside[kind] >= self._most.get(kind, self._inside[kind] + 1):
            return None
        if kind is Kind.UPLOAD and self._service.cores.full:
            return None
        self._inside[kind] += 1
        return kind

    def leave(self, kind: Kind) -> None:
        """Give a place back."""
        self._inside[kind] -= 1

    def overloaded(self, head: bytes, peer: str | None) -> bytes:
        """Write the answer to a request that was not let in, log it and count it.

        Args:
            head: from the request line to the empty line.
            peer: address that the connection comes from.
        """
        return self._refuse(head, peer, "overloaded", OVERLOADED, retry_after_s=RETRY_AFTER_S)

    def head_too_large(self, head: bytes, peer: str | None, most_bytes: int) -> bytes:
        """Write the answer to a request whose head is too large, log it and count it."""
        detail = f"The headers are larger than {most_bytes} bytes. Send fewer or shorter ones."
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        return self._refuse(head, peer, "bad_request", detail, status=status)

    def _refuse(
        self,
        head: bytes,
        peer: str | None,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        retry_after_s: str | None = None,
    ) -> bytes:
        started = time.perf_counter()
        method, path = _method_and_path(head)
        status = status or KINDS[code].status
        sent_id = _field(head, b"X-Request-Id")
        request_id = sent_id if SANE_ID.fullmatch(sent_id) else uuid.uuid4().hex
        route = "/identify" if path == "/identify" else None
        problem = Problem(
            type=f"urn:problem-type:fruits:{code}",
            title=KINDS[code].title,
            status=status,
            detail=detail,
            code=code,
            request_id=request_id,
            instance=path,
        )
        body = json.dumps(problem.model_dump()).encode()
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Request-Id": request_id,
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
            **({"Retry-After": retry_after_s} if retry_after_s else {}),
            **self._cors(head),
        }
        if metrics := self._service.metrics:
            metrics.count_refusal(route, method, status, code)
        line = {
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "code": code,
            "ms": round(1000 * (time.perf_counter() - started), 1),
            "bytes_in": 0,
            "client": truncated_address(self._client(head, peer)),
            "bundle": None,
            "rank": None,
        }
        log.info("request", extra=line)
        first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{first}{fields}\r\n".encode("latin-1") + (b"" if method == "HEAD" else body)

    def _cors(self, head: bytes) -> dict[str, str]:
        """Let a script of an allowed origin read the refusal, as api/cors.py does with other answers."""
        origins = self._service.settings.origins
        if not origins:
            return {}
        origin = _field(head, b"Origin")
        if origin not in origins:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSED,
        }

    def _client(self, head: bytes, peer: str | None) -> str | None:
        """Give the client's address: as many steps behind the peer as there are trusted proxies."""
        proxies = self._service.settings.trusted_proxies
        forwarded = _field(head, b"X-Forwarded-For").split(",")
        return forwarded[-proxies].strip() or peer if len(forwarded) >= proxies > 0 else peer


def _kind(head: bytes) -> Kind:
    if _HAS_BODY.search(head):
        return Kind.UPLOAD
    return Kind.PROBE if _method_and_path(head)[1] in _PROBES else Kind.PLAIN


def _method_and_path(head: bytes) -> tuple[str, str]:
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    return method, rest.partition(" ")[0].partition("?")[0]


def _field(head: bytes, name: bytes) -> str:
    """Give the last header of a name; empty where there is none."""
    found = re.findall(rb"\r\n" + re.escape(name) + rb"[ \t]*:([^\r\n]*)", head, re.IGNORECASE)
    return str(found[-1].decode("latin-1").strip()) if found else ""
