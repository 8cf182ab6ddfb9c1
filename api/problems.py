"""Errors as HTTP sees them: one table of codes, answered as RFC 9457 `application/problem+json`.

The first half of the table holds the kernel's codes (models/errors.py), the second the API's own. A client
may rely on `code` and on the status; title and detail are for people and may be reworded.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from api.schemas import Problem
from models.errors import FruitsError, PhotoError

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """What a code means over HTTP; `told` says whether the error's own message may be shown to a client."""

    status: int
    title: str
    told: bool = True


KINDS: Mapping[str, Kind] = {
    "error": Kind(500, "Something went wrong", told=False),
    "photo": Kind(422, "Unusable photo"),
    "not_an_image": Kind(415, "Not an image"),
    "undecodable": Kind(422, "Broken image"),
    "too_large": Kind(422, "Too many pixels"),
    "too_small": Kind(422, "Too few pixels"),
    "unreadable": Kind(422, "Photo could not be read"),
    "bundle": Kind(503, "No usable bundle", told=False),
    "bundle_corrupt": Kind(503, "The bundle is damaged", told=False),
    "bundle_schema": Kind(503, "The bundle is of another version", told=False),
    "store": Kind(503, "Bundle store trouble", told=False),
    "store_empty": Kind(503, "The bundle store is empty", told=False),
    "store_unavailable": Kind(503, "The bundle store does not answer", told=False),
    "store_full": Kind(503, "No room left for a bundle", told=False),
    "version_missing": Kind(503, "No such bundle", told=False),
    "publish_conflict": Kind(503, "The bundle changed meanwhile", told=False),
    "location": Kind(503, "Bundle store trouble", told=False),
    "location_invalid": Kind(503, "The bundle store's address is wrong", told=False),
    "location_missing": Kind(503, "The bundle store does not exist", told=False),
    "region_refused": Kind(503, "The bundle store lies outside the EU", told=False),
    "corpus": Kind(500, "Corpus trouble", told=False),
    "network": Kind(503, "The network cannot be run", told=False),
    "catalogue": Kind(503, "The catalogue cannot be read", told=False),
    "settings": Kind(500, "Wrong settings", told=False),
    # The API's own.
    "bad_request": Kind(400, "Bad request"),
    "no_photo": Kind(400, "No photo sent"),
    "empty_photo": Kind(400, "Empty photo"),
    "photo_not_a_file": Kind(400, "Photo not sent as a file"),
    "too_many_photos": Kind(400, "Too many photos"),
    "unexpected_field": Kind(400, "Unexpected field"),
    "malformed_body": Kind(400, "Malformed body"),
    "invalid_parameter": Kind(400, "Invalid parameter"),
    "invalid_lang": Kind(400, "Invalid language"),
    "invalid_top": Kind(400, "Invalid number of results"),
    "invalid_q": Kind(400, "Invalid search"),
    "not_found": Kind(404, "No such page"),
    "fruit_not_found": Kind(404, "No such fruit"),
    "method_not_allowed": Kind(405, "Method not allowed"),
    "body_too_slow": Kind(408, "Upload too slow"),
    "upload_too_large": Kind(413, "Upload too large"),
    "unsupported_body": Kind(415, "Unsupported kind of body"),
    "rate_limited": Kind(429, "Too many requests"),
    "internal": Kind(500, "Something went wrong"),
    "not_ready": Kind(503, "Not ready"),
    "overloaded": Kind(503, "Overloaded"),
}
CODE_OF_STATUS = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "upload_too_large"}
NOT_TOLD = "The service cannot answer now; the request was fine. Try again in a minute."
UNEXPECTED = "Something went wrong on our side. Try again; if it persists, report the request id."


class Refusal(Exception):
    """A request that is refused by the API itself.

    Args:
        code: a key of `KINDS`.
        detail: what came, what was expected and what to do, for a person.
        headers: more headers of the answer, such as `Retry-After`.
    """

    def __init__(self, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})


def problem(
    code: str, detail: str, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a problem document."""
    kind = KINDS[code]
    body = Problem(
        type=f"urn:problem-type:fruits:{code}",
        title=kind.title,
        status=status or kind.status,
        detail=detail,
        code=code,
        request_id=g.request_id,
        instance=request.path,
    )
    g.problem_code = code
    answer = Response(json.dumps(body.model_dump()), status=body.status, content_type=MEDIA_TYPE)
    answer.headers.update(headers or {})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def documented(*codes: str) -> dict[str | int, Any]:
    """Describe, for OpenAPI, the problems that a route can answer with, by status."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, "internal"):
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {
        str(status): {
            "description": f"{HTTPStatus(status).phrase}. `code`: "
            + ", ".join(f"`{c}`" for c in listed)
            + ".",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, listed in sorted(by_status.items())
    }


def refuse_invalid(error: ValidationError) -> Response:
    """Turn a query parameter that does not fit its model into a refusal naming it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "parameter"
    code = f"invalid_{name}" if f"invalid_{name}" in KINDS else "invalid_parameter"
    raise Refusal(code, f"Query parameter {name!r}: {first['msg']}.")


def install(app: Flask) -> None:
    """Make every error of the application leave as a problem."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(FruitsError, _kernel_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _refused(error: Refusal) -> Response:
    return problem(error.code, error.detail, headers=error.headers)


def _kernel_error(error: FruitsError) -> Response:
    if KINDS[error.code].told:
        return problem(error.code, _which_photo(error) + str(error))
    log.error("request failed", exc_info=error, extra={"request_id": g.request_id})
    return problem(error.code, NOT_TOLD)


def _which_photo(error: FruitsError) -> str:
    count = g.get("photo_count", 1)
    if isinstance(error, PhotoError) and error.photo_index is not None and count > 1:
        return f"Photo {error.photo_index + 1} of {count}: "
    return ""


def _http_error(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    if error.code >= 500:
        return problem("internal", UNEXPECTED, status=error.code)
    code = CODE_OF_STATUS.get(error.code, "bad_request")
    allow = {k: v for k, v in error.get_headers() if k == "Allow"}
    return problem(code, error.description or KINDS[code].title, status=error.code, headers=allow)


def _unexpected(error: Exception) -> Response:
    log.error("request failed unexpectedly", exc_info=error, extra={"request_id": g.request_id})
    return problem("internal", UNEXPECTED)
