"""`POST /identify`: photos in, answer with facts out."""

import math
import time
from typing import Any

from flask import Response, g, make_response
from flask_openapi3 import APIBlueprint, Tag

from api.language import advice_message, choose_language
from api.problems import documented
from api.schemas import IdentifyBody, IdentifyQuery
from api.service import service
from api.uploads import read_photos
from models.catalogue import Catalogue
from models.identifier import Identifier
from models.records import FruitScore, Identification, PhotoReport, Rank

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/heic", "image/heif", "image/gif")
_PHOTO = {"type": "string", "format": "binary"}
REQUEST_BODY = {
    "required": True,
    "description": "1 to 5 photos of one fruit as files of the field `photo`, or one photo as the body. "
    "The type is recognised by content. At most 20 MB a photo and 50 MB a request, unless configured.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["photo"],
                "additionalProperties": False,
                "properties": {"photo": {"type": "array", "items": _PHOTO, "minItems": 1, "maxItems": 5}},
            }
        },
        **{kind: {"schema": _PHOTO} for kind in (*IMAGE_TYPES, "application/octet-stream")},
    },
}
REFUSALS = documented(
    *("invalid_lang", "invalid_top", "no_photo", "empty_photo", "photo_not_a_file", "too_many_photos"),
    *("unexpected_field", "malformed_body", "body_too_slow", "upload_too_large", "unsupported_body"),
    *("not_an_image", "undecodable", "too_large", "too_small"),
    *("rate_limited", "not_ready", "overloaded"),
)

blueprint = APIBlueprint(
    "identify", __name__, abp_tags=[Tag(name="identify", description="Which fruit is it?")]
)


@blueprint.post(
    "/identify",
    operation_id="identify",
    summary="Identify the fruit in 1 to 5 photos",
    responses={"200": IdentifyBody, **REFUSALS},
    openapi_extensions={"requestBody": REQUEST_BODY},
)
def identify(query: IdentifyQuery) -> Response:
    """Photos are held in memory for this request only and are never written or logged. A photo that shows
    no fruit is answered 200 with `is_fruit.binary` false and rank `unknown`."""
    here = service()
    here.live.take()  # refuses before the body is read, and is not kept: a slow sender must not hold a bundle
    photos = read_photos(here.settings.max_photo_bytes, here.settings.max_request_bytes)
    started = time.perf_counter()
    with here.in_flight(len(photos)), here.cores.slot():
        identifier = here.live.take()
        found = identifier.identify(photos, top=query.top, limits=here.settings.photo_limits)
    lang = choose_language(query.lang, identifier.catalogue.languages)
    total_ms = 1000 * (time.perf_counter() - started)
    body = describe(found, identifier, lang, total_ms)
    g.rank = found.answer.rank
    g.bundle_version = identifier.version
    g.timing_ms = body["timing_ms"]
    response = make_response(body)
    response.headers.update(
        {"Content-Language": lang, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    )
    return response


def describe(found: Identification, identifier: Identifier, lang: str, total_ms: float) -> dict[str, Any]:
    """Put an identification into words.

    Args:
        found: what the kernel found.
        identifier: what found it: its catalogue gives the words.
        lang: one of the catalogue's languages.
        total_ms: milliseconds from the last byte received to the answer.
    """
    catalogue = identifier.catalogue
    answer = found.answer
    named = answer.id if answer.rank in (Rank.VARIETY, Rank.FRUIT) else None
    fruit = catalogue.fruit(named.split("/")[0], lang) if named else None
    body = {
        "is_fruit": {
            "probability": rounded(found.is_fruit.probability),
            "threshold": found.is_fruit.threshold,
            "binary": found.is_fruit.binary,
        },
        "answer": {
            "rank": answer.rank,
            "id": answer.id,
            "name": catalogue.name(answer.id, lang) if answer.id else None,
            "score": rounded(answer.score),
        },
        "results": [_result(score, catalogue, lang) for score in found.results],
        "fruit": fruit,
        "photos": [_photo(report, lang) for report in found.photos],
        "bundle": {"version": identifier.version, "network": identifier.network},
        "timing_ms": {k: round(v, 1) for k, v in {**found.timing_ms, "total": total_ms}.items()},
    }
    return body if fruit else {**body, "cautions": catalogue.general_cautions(lang)}


def rounded(score: float) -> float:
    """Round a probability down to 4 decimals, so that sums stay at most 1 and order stays as it was."""
    # The epsilon keeps 0.29 at 0.29: in binary 0.29 * 10000 is 2899.9999999999995.
    return math.floor(score * 10_000 + 1e-6) / 10_000


def _result(score: FruitScore, catalogue: Catalogue, lang: str) -> dict[str, Any]:
    return {
        "fruit": score.fruit,
        "name": catalogue.name(score.fruit, lang),
        "scientific_name": catalogue.scientific_name(score.fruit),
        "score": rounded(score.score),
        "varieties": [
            {"id": v.id, "name": catalogue.name(v.id, lang), "score": rounded(v.score)}
            for v in score.varieties
        ],
        "similar": [
            {"image": s.image, "similarity": round(s.similarity, 4), "credit": s.credit}
            for s in score.similar
        ],
        "info": f"/fruits/{score.fruit}",
    }


def _photo(report: PhotoReport, lang: str) -> dict[str, Any]:
    advice = [{"code": code, "message": advice_message(code, lang)} for code in report.advice]
    return {"width": report.width, "height": report.height, "usable": report.usable, "advice": advice}
