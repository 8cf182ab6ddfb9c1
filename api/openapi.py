"""The application class whose OpenAPI 3.1 description is derived from its routes and their types."""

from typing import Any

from flask import Response
from flask_openapi3 import Info, OpenAPI

from api.problems import refuse_invalid
from api.schemas import Problem

VERSION = "0.1.0"
ABOUT = (
    "Photograph a fruit, learn about it. Errors are `application/problem+json` (RFC 9457) with a stable "
    "`code`. Every answer carries `X-Request-Id`; a sane one sent by the client is kept."
)
_TEXT, _SECONDS = {"type": "string"}, {"type": "integer", "minimum": 1}
# What answers carry beside their body: header, statuses (empty for all), schema, meaning.
HEADERS: tuple[tuple[str, tuple[str, ...], dict[str, Any], str], ...] = (
    ("X-Request-Id", (), _TEXT, "Quote it when reporting a problem."),
    ("Retry-After", ("429", "503"), _SECONDS, "Seconds to wait before another try."),
    ("ETag", ("304",), _TEXT, "Send it as `If-None-Match` to learn whether anything changed."),
    ("RateLimit", ("429",), _TEXT, 'What is left, such as `"identify";r=0;t=12`.'),
    ("RateLimit-Policy", ("429",), _TEXT, 'The limit, such as `"identify";q=60;w=60`.'),
)


class FruitsAPI(OpenAPI):
    """Flask, with the description at `/openapi.json` served by a documented route of our own."""

    def __init__(self, import_name: str) -> None:
        super().__init__(
            import_name,
            info=Info(title="Fruits!", version=VERSION, description=ABOUT),
            # Left at None it would be written as null, which is not valid OpenAPI.
            security_schemes={},
            doc_ui=False,
            static_folder=None,
            # The library adds this status to every operation that does not document it. All document 500, so
            # nothing is added; invalid queries are answered 400 by the callback.
            validation_error_status=500,
            validation_error_model=Problem,
            validation_error_callback=refuse_invalid,
        )
        # Order of keys as written: the answer reads best as designed.
        self.json.sort_keys = False  # type: ignore[attr-defined]

    def generate_spec_json(self) -> None:
        """Write the description, and into every answer the headers that come with it."""
        super().generate_spec_json()
        for item in self.spec_json["paths"].values():
            for operation in item.values():
                for status, response in operation["responses"].items():
                    response["headers"] = {
                        name: {"description": about, "schema": schema}
                        for name, statuses, schema, about in HEADERS
                        if not statuses or status in statuses
                    }

    def make_default_options_response(self) -> Response:
        """Answer OPTIONS with the methods allowed, and with nothing else."""
        response: Response = super().make_default_options_response()
        response.status_code = 204
        del response.headers["Content-Type"]
        return response
