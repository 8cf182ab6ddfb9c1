"""Answers that stay the same until bundle or code change: clients keep them, and ask again by ETag."""

from typing import Any, cast

from flask import Response, make_response, request

MAX_AGE_S = 300
NOT_MODIFIED: dict[str | int, Any] = {"304": {"description": "What `If-None-Match` names is still good."}}


def kept(body: Any, *, max_age_s: int = MAX_AGE_S, vary: tuple[str, ...] = ()) -> Response:
    """Answer with something that anybody may keep for a while, or with 304 if the client has it already.

    Args:
        body: what `flask.make_response` takes.
        max_age_s: seconds in which it need not be asked for again.
        vary: request headers that it depends on; `Accept-Encoding` is one of them anyway.
    """
    response = make_response(body)
    response.cache_control.public = True
    response.cache_control.max_age = max_age_s
    response.vary.update((*vary, "Accept-Encoding"))
    # Weak: the packed form and the plain one are the same thing.
    response.add_etag(weak=True)
    return cast(Response, response.make_conditional(request))
