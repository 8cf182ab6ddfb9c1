"""`GET /docs`: the description to read and to try, by Swagger UI from a pinned package.

Nothing comes from elsewhere. Swagger UI rather than Redoc, RapiDoc or Scalar: it is the one that the OpenAPI
project's own company keeps, and it runs under a policy that forbids inline scripts and styles.
"""

from importlib.resources import files

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api.caching import NOT_MODIFIED, kept
from api.problems import Refusal, documented

ASSETS_MAX_AGE_S = 86_400
# Swagger UI sets styles through the DOM, and shows its arrows as data: images.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fruits! API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<noscript>The whole description is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<main id="description"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
# A validator elsewhere would be sent the description's address.
START = """"use strict";
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#description",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""
OWN_FILE = "start.js"
# Below the package's folder of assets.
PACKAGE, ASSETS = "flask_openapi3_swagger", ("templates", "swagger")
PACKAGE_FILES = {"swagger-ui.css": "css", "swagger-ui-bundle.js": "js"}
MEDIA_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}

blueprint = APIBlueprint(
    "docs", __name__, abp_tags=[Tag(name="service", description="State and description of the service.")]
)


class DocsFilePath(BaseModel):
    file: str = Field(description="Name of the file, such as `start.js`.")


@blueprint.get(
    "/docs",
    operation_id="getDocs",
    summary="This description, to read and to try",
    responses={
        "200": {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}},
        **NOT_MODIFIED,
        **documented(),
    },
)
def docs() -> Response:
    """Needs no network but this service."""
    response = kept((PAGE, {"Content-Type": "text/html; charset=utf-8"}))
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.get(
    "/docs/<file>",
    operation_id="getDocsFile",
    summary="A file of the page that shows this description",
    responses={
        "200": {
            "description": "The file.",
            "content": {kind: {"schema": {"type": "string"}} for kind in ("text/css", "text/javascript")},
        },
        **NOT_MODIFIED,
        **documented("not_found"),
    },
)
def docs_file(path: DocsFilePath) -> Response:
    """Styles and scripts."""
    if path.file == OWN_FILE:
        content = START.encode()
    elif path.file in PACKAGE_FILES:
        content = files(PACKAGE).joinpath(*ASSETS, PACKAGE_FILES[path.file], path.file).read_bytes()
    else:
        raise Refusal("not_found", "The description's page has no such file. The page itself is at /docs.")
    headers = {"Content-Type": MEDIA_TYPES[path.file.rpartition(".")[2]]}
    return kept((content, headers), max_age_s=ASSETS_MAX_AGE_S)
