"""What machines ask: alive, ready, which version, and the description of the API."""

from datetime import datetime

from flask import Response, current_app, make_response
from flask_openapi3 import APIBlueprint, Tag

from api.caching import NOT_MODIFIED, kept
from api.openapi import VERSION
from api.problems import documented
from api.schemas import HealthBody, ReadyBody, VersionBody
from api.service import service

blueprint = APIBlueprint(
    "health", __name__, abp_tags=[Tag(name="service", description="State and description of the service.")]
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
    """Answers 200 once a verified bundle is loaded and warm, also while its store is out of reach."""
    service().live.take()
    return _fresh({"status": "ready", **_state()})


@blueprint.get(
    "/version", operation_id="getVersion", summary="Versions", responses={"200": VersionBody, **documented()}
)
def version() -> Response:
    """Version of the API and of the bundle that answers, and what the bundle store says. Each worker process
    follows the store by itself: two requests may be answered by two workers."""
    return _fresh({"version": VERSION, **_state()})


@blueprint.get(
    "/openapi.json",
    operation_id="getDescription",
    summary="This description",
    responses={
        "200": {
            "description": "An OpenAPI 3.1 document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        **NOT_MODIFIED,
        **documented(),
    },
)
def openapi_json() -> Response:
    """Derived from the code that answers."""
    return kept(current_app.api_doc)  # type: ignore[attr-defined]


def _state() -> dict[str, object]:
    live = service().live
    served, seen = live.served, live.seen
    return {
        "bundle": {
            "version": served.identifier.version,
            "network": served.identifier.network,
            "since": _instant(served.since),
        }
        if served
        else None,
        "store": {
            "asked_at": _instant(seen.at),
            "answers": seen.answered,
            "current": seen.current,
            "problem": seen.problem,
        }
        if seen
        else None,
    }


def _instant(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fresh(body: dict[str, object]) -> Response:
    response = make_response(body)
    response.headers["Cache-Control"] = "no-store"
    return response
