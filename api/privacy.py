"""`GET /privacy`: what happens to a photo and to its sender, as data that an app can show.

docs/gdpr.md says the same to those who run the service.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.caching import NOT_MODIFIED, kept
from api.language import choose_language
from api.problems import documented
from api.schemas import LanguageQuery, PrivacyBody
from api.service import service

WORDS = Path(__file__).parent / "privacy_words.json"
COUNT = "count"

blueprint = APIBlueprint(
    "privacy", __name__, abp_tags=[Tag(name="privacy", description="What happens to a photo.")]
)


@blueprint.get(
    "/privacy",
    operation_id="getPrivacy",
    summary="What happens to a photo and to its sender",
    responses={"200": PrivacyBody, **NOT_MODIFIED, **documented("invalid_lang")},
)
def get_privacy(query: LanguageQuery) -> Response:
    """For an app to show before the first photo is sent. Says what this service does as it is set up."""
    settings = service().settings
    lang = choose_language(query.lang, tuple(words()))
    told = words()[lang]
    statements = [
        {"id": name, **statement}
        for name, statement in told["statements"].items()
        if name != COUNT or settings.rate is not None
    ]
    body = {
        "lang": lang,
        "title": told["title"],
        "summary": told["summary"],
        "statements": statements,
        "contact": settings.privacy_contact,
    }
    return kept((body, {"Content-Language": lang}), vary=("Accept-Language",))


@cache
def words() -> dict[str, Any]:
    """Read what is said, by language."""
    read: dict[str, Any] = json.loads(WORDS.read_text(encoding="utf-8"))
    return read
