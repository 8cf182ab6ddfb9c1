"""The phone page at `/`: a few small files of api/web, and the headers that hold them to this origin."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api.caching import NOT_MODIFIED, kept
from api.problems import Refusal, documented

FOLDER = Path(__file__).parent / "web"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
INDEX, MANIFEST, SERVICE_WORKER = "index.html", "manifest.webmanifest", "sw.js"
# These have addresses of their own: a service worker rules only what lies beside or below it.
AT_THE_TOP = {INDEX: "/", MANIFEST: "/manifest.webmanifest", SERVICE_WORKER: "/sw.js"}
# Photos are shown as data: images, now and among the last answers.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types service-worker"
)
SECURITY = {
    "Content-Security-Policy": POLICY,
    # Taking a photo goes through the phone's own camera application, which needs none of these.
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@cache
def page_files(folder: Path = FOLDER) -> dict[str, bytes]:
    """Read the files of the page, once; give their bytes by name.

    The service worker is told the names of all files and a hash of what they hold: it keeps one whole set of
    them, and a change of any file changes the worker too, which is how a browser learns of it.
    """
    found = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.suffix in MEDIA_TYPES}
    told = {
        "version": hashlib.sha256(b"".join(found.values())).hexdigest()[:16],
        "files": [address(name) for name in found if name != SERVICE_WORKER],
    }
    return {**found, SERVICE_WORKER: f"const SHELL = {json.dumps(told)};\n".encode() + found[SERVICE_WORKER]}


def address(name: str) -> str:
    """Give the path at which a file of the page is served."""
    return AT_THE_TOP.get(name, f"/web/{name}")


def _described(*kinds: str) -> dict[str | int, Any]:
    plain = [kind.partition(";")[0] for kind in kinds]
    content = {kind: {"schema": {"type": "object" if kind.endswith("json") else "string"}} for kind in plain}
    return {"200": {"description": "The file.", "content": content}, **NOT_MODIFIED}


class PageFilePath(BaseModel):
    file: str = Field(description="Name of the file, such as `style.css`.")


blueprint = APIBlueprint(
    "pages", __name__, abp_tags=[Tag(name="page", description="The phone page and its files.")]
)


@blueprint.get(
    "/",
    operation_id="getPage",
    summary="The phone page",
    responses={**_described("text/html"), **documented()},
)
def index() -> Response:
    """Take a photo, learn which fruit it shows. Can be installed, and opens without a network."""
    return _sent(INDEX)


@blueprint.get(
    "/manifest.webmanifest",
    operation_id="getManifest",
    summary="What a device needs to install the page",
    responses={**_described("application/manifest+json"), **documented()},
)
def manifest() -> Response:
    """A web application manifest."""
    return _sent(MANIFEST)


@blueprint.get(
    "/sw.js",
    operation_id="getServiceWorker",
    summary="What keeps the page on the device",
    responses={**_described("text/javascript"), **documented()},
)
def service_worker() -> Response:
    """A service worker for the whole origin; photos and answers pass it by."""
    return _sent(SERVICE_WORKER)


@blueprint.get(
    "/web/<file>",
    operation_id="getPageFile",
    summary="A file of the page",
    responses={**_described(*MEDIA_TYPES.values()), **documented("not_found")},
)
def page_file(path: PageFilePath) -> Response:
    """Styles, scripts and icons."""
    if path.file not in page_files() or path.file in AT_THE_TOP:
        raise Refusal("not_found", "The phone page has no such file. The page itself is at /.")
    return _sent(path.file)


def _sent(name: str) -> Response:
    content_type = MEDIA_TYPES[Path(name).suffix]
    # Always asked for again, mostly answered 304; in between and offline the service worker's copies serve.
    response = kept((page_files()[name], {"Content-Type": content_type}), max_age_s=0)
    response.headers.update(SECURITY)
    return response
