"""`GET /fruits` and `GET /fruits/<id>`: what is known about fruits, and which of them can be identified."""

from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from api.caching import NOT_MODIFIED, kept
from api.language import choose_language
from api.problems import Refusal, documented
from api.schemas import FruitDetails, FruitPath, FruitsBody, FruitsQuery, LanguageQuery
from api.service import service

blueprint = APIBlueprint(
    "fruits", __name__, abp_tags=[Tag(name="fruits", description="What is known about fruits.")]
)


@blueprint.get(
    "/fruits",
    operation_id="listFruits",
    summary="List fruits, or search them by name",
    responses={
        "200": FruitsBody,
        **NOT_MODIFIED,
        **documented("invalid_lang", "invalid_q", "not_ready"),
    },
)
def list_fruits(query: FruitsQuery) -> Response:
    """All of them in one answer."""
    identifier = service().live.take()
    lang = choose_language(query.lang, identifier.catalogue.languages)
    found = identifier.catalogue.fruits(lang, query.q)
    entries = [{**entry, "identifiable": entry["id"] in identifier.fruits} for entry in found]
    return _in_language({"fruits": entries}, lang)


@blueprint.get(
    "/fruits/<id>",
    operation_id="getFruit",
    summary="Everything known about one fruit",
    responses={
        "200": FruitDetails,
        **NOT_MODIFIED,
        **documented("invalid_lang", "fruit_not_found", "not_ready"),
    },
)
def get_fruit(path: FruitPath, query: LanguageQuery) -> Response:
    """The object that `/identify` gives as `fruit`."""
    catalogue = service().live.take().catalogue
    lang = choose_language(query.lang, catalogue.languages)
    fruit = catalogue.fruit(path.id, lang)
    if fruit is None:
        raise Refusal("fruit_not_found", f"No fruit has the id {path.id[:60]!r}. /fruits lists all ids.")
    return _in_language(fruit, lang)


def _in_language(body: dict[str, object], lang: str) -> Response:
    return kept((body, {"Content-Language": lang}), vary=("Accept-Language",))
