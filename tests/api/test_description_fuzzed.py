"""Schemathesis asks every operation of the description for what it promises, and for what it does not."""

import io
from typing import Any

import numpy as np
import pytest
import schemathesis
from fake_service import FakeIdentifier, make_app
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode

from api.identify import IMAGE_TYPES
from api.settings import Settings

KINDS = ("JPEG", "PNG", "WEBP", "GIF")
EXAMPLES = 25


def photo(kind: str) -> bytes:
    noise = np.random.default_rng(7).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    return file.getvalue()


def described(modes: list[GenerationMode]) -> Any:
    """Load the description of an application with a fake identifier, to be asked in some modes."""
    app = make_app(Settings(), FakeIdentifier())
    # Loaded from its address, it would leave that address out.
    loaded = schemathesis.openapi.from_dict(app.api_doc)
    loaded.app = app
    loaded.config.generation.update(modes=modes)
    return loaded


def takes_nothing(context: Any) -> bool:
    """Say whether an operation has nothing that could be sent wrong: any word is a good path."""
    definition = context.operation.definition.raw
    asked = [one for one in definition.get("parameters", []) if one["in"] != "path"]
    return not asked and "requestBody" not in definition


PHOTOS = st.sampled_from([photo(kind) for kind in KINDS])
# No schema can say what makes bytes a photo.
schemathesis.openapi.format("binary", PHOTOS)
for media_type in (*IMAGE_TYPES, "application/octet-stream"):
    schemathesis.openapi.media_type(media_type, PHOTOS)
positive = described([GenerationMode.POSITIVE])
negative = described([GenerationMode.NEGATIVE]).exclude(takes_nothing)
some_examples = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
# The transport of the checks unpacks nothing.
PLAIN = {"Accept-Encoding": "identity"}


@positive.parametrize()
@some_examples
def test_what_the_description_promises_is_kept(case: schemathesis.Case) -> None:
    case.call_and_validate(headers=PLAIN)


@negative.parametrize()
@some_examples
def test_what_the_description_does_not_allow_is_refused_as_described(case: schemathesis.Case) -> None:
    case.call_and_validate(headers=PLAIN)


def test_no_operation_is_left_out(app: Any) -> None:
    asked = {(found.ok().path, found.ok().method.upper()) for found in positive.get_all_operations()}
    routes = {(path, method.upper()) for path, item in app.api_doc["paths"].items() for method in item}
    assert asked == routes
    assert len(asked) >= 10


def test_a_broken_promise_is_noticed() -> None:
    """The checks are no decoration: a status that nobody described fails them."""
    app = make_app(Settings(), FakeIdentifier())
    app.view_functions["health.healthz"] = lambda: ({"status": "ok"}, 202)
    loaded = schemathesis.openapi.from_wsgi("/openapi.json", app)
    with pytest.raises(BaseExceptionGroup):
        loaded["/healthz"]["GET"].Case().call_and_validate(headers=PLAIN)
