"""The application class whose OpenAPI 3.1 description is derived from its routes and their types."""

from flask_openapi3 import Info, OpenAPI

from api.problems import refuse_invalid
from api.schemas import Problem

VERSION = "0.1.0"
ABOUT = (
    "Photograph a fruit, learn about it. Errors are `application/problem+json` (RFC 9457) with a stable "
    "`code`. Every answer carries `X-Request-Id`; a sane one sent by the client is kept."
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
