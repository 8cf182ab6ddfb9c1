"""What machines ask: alive, ready, which version, and the description of the API."""

from flask import Response, current_app, make_response
from flask_openapi3 import APIBlueprint, Tag

from api.openapi import VERSION
from api.problems import documented
from api.schemas import HealthBody, ReadyBody, VersionBody
from api.service import service

blueprint = APIBlueprint(
    "health", __name__, abp_tags=[Tag(name="service", description="State of the service.")]
)


@blueprint.get(
    "/healthz", operation_id="isAlive", summary="Alive", responses={"200": HealthBody, **documented()}
)
def healthz() -> Response:
    """Answers as long as the process runs, with or without a bundle."""
    return _fresh({"status": "ok"})


@blueprint.get(
    "/readyz",
    operation_id="isReady",
    summary="Ready",
    responses={"200": ReadyBody, **documented("not_ready")},
)
def readyz() -> Response:
    """Answers 200 once a verified bundle is loaded and warm."""
    identifier = service().live.take()
    return _fresh(
        {"status": "ready", "bundle": {"version": identifier.version, "network": identifier.network}}
    )


@blueprint.get(
    "/version", operation_id="getVersion", summary="Versions", responses={"200": VersionBody, **documented()}
)
def version() -> Response:
    """Version of the API and of the bundle that answers."""
    identifier = service().live.peek()
    bundle = {"version": identifier.version, "network": identifier.network} if identifier else None
    return _fresh({"version": VERSION, "bundle": bundle})


@blueprint.get(
    "/openapi.json",
    operation_id="getDescription",
    summary="This description",
    responses={
        "200": {
            "description": "An OpenAPI 3.1 document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        **documented(),
    },
)
def openapi_json() -> Response:
    """Derived from the code that answers."""
    return make_response(current_app.api_doc)  # type: ignore[attr-defined]


def _fresh(body: dict[str, object]) -> Response:
    response = make_response(body)
    response.headers["Cache-Control"] = "no-store"
    return response
