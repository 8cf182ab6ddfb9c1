"""Which apps in browsers may call the API: those whose origins are set, and no others.

Origins are compared as they are, so that no pattern can let in more than was meant; no answer allows cookies.
"""

from collections.abc import Collection

from flask import Flask, Response, request

METHODS = "GET, HEAD, POST"
ASKED = "Content-Type, If-None-Match, X-Request-Id"
EXPOSED = "Content-Language, ETag, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
PREFLIGHT_MAX_AGE_S = 600


def install(app: Flask, origins: Collection[str]) -> None:
    """Let scripts of these origins send requests and read the answers, errors included."""
    allowed = frozenset(origins)

    @app.after_request
    def allow(response: Response) -> Response:
        # In every answer, so that no cache gives one origin what was meant for another.
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin not in allowed:
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response.headers["Access-Control-Allow-Methods"] = METHODS
            response.headers["Access-Control-Allow-Headers"] = ASKED
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_MAX_AGE_S)
        else:
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response
