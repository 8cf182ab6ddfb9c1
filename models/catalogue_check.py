"""Refuses a catalogue that contradicts itself: a figure without a source, a name missing, an unknown id."""

from collections.abc import Iterable, Mapping
from typing import Any

from models.catalogue_words import FALLBACK, Words
from models.errors import CatalogueError
from models.nutrition_sheet import NUTRIENTS

SCHEMA_VERSION = 1


def check(figures: Mapping[str, Any], words: Words) -> None:
    """Check figures against their sources and words against figures.

    Raises:
        CatalogueError: naming the fruit and the field at fault.
    """
    if figures["schema_version"] != SCHEMA_VERSION:
        raise CatalogueError(
            f"catalogue: expected schema_version {SCHEMA_VERSION}, found {figures['schema_version']!r}"
        )
    _check_groups(figures)
    _check_names(figures, words)
    for fruit, entry in figures["fruits"].items():
        for field, source in _citations(entry):
            if source not in figures["sources"]:
                raise CatalogueError(
                    f"fruit {fruit}, {field}: no source named {source!r} in the catalogue's table of sources"
                )
        _check_texts(fruit, entry, words)
    for caution in figures["general_cautions"]:
        _check_caution("*", caution, words)
        if caution.get("source") not in figures["sources"]:
            raise CatalogueError(f"general caution {caution['id']}: no source")


def _check_groups(figures: Mapping[str, Any]) -> None:
    fruits, seen = figures["fruits"], dict[str, str]()
    for family, members in figures["families"].items():
        if family in fruits:
            raise CatalogueError(f"family {family}: a fruit has the same id")
        for fruit in members:
            if fruit not in fruits:
                raise CatalogueError(f"family {family}: unknown fruit {fruit}")
            if fruit in seen:
                raise CatalogueError(
                    f"fruit {fruit}: expected in one family, found in {seen[fruit]} and {family}"
                )
            seen[fruit] = family
    for variety in figures["varieties"]:
        if variety.split("/")[0] not in fruits or variety.count("/") != 1:
            raise CatalogueError(f"variety {variety}: expected a known fruit, a slash and a variety")


def _check_names(figures: Mapping[str, Any], words: Words) -> None:
    if FALLBACK not in figures["languages"]:
        raise CatalogueError(f"languages: {FALLBACK} must be among them, it stands in for what others lack")
    for lang in figures["languages"]:
        for section in ("fruits", "varieties", "families"):
            names = words.by_language.get(lang, {}).get(section, {})
            for identifier in figures[section]:
                if not names.get(identifier):
                    raise CatalogueError(f"{section} {identifier}: no name in {lang}")


def _check_texts(fruit: str, entry: Mapping[str, Any], words: Words) -> None:
    diversity = entry.get("diversity", {})
    wanted = {
        "descriptions": "taxonomy" in entry,
        "handling": "handling" in entry,
        "threats": "threat_source" in diversity,
        "cultivars": "cultivar_sources" in diversity,
    }
    for section, needed in wanted.items():
        if needed and not words.find(section, fruit, FALLBACK):
            raise CatalogueError(f"fruit {fruit}: no text in {section}, {FALLBACK}")
    for caution in entry.get("cautions", []):
        _check_caution(fruit, caution, words)


def _check_caution(fruit: str, caution: Mapping[str, str], words: Words) -> None:
    if not words.find("cautions", caution["id"], FALLBACK):
        raise CatalogueError(f"fruit {fruit}, caution {caution['id']}: no text in {FALLBACK}")


def _citations(entry: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    """Every figure of a fruit with the source it names, None where it names none."""
    for topic in ("nutrition", "season", "co2", "handling"):
        if topic in entry:
            yield topic, entry[topic].get("source")
    yield from _nutrition_citations(entry.get("nutrition", {}))
    diversity, ripening = entry.get("diversity", {}), entry.get("ripening", {})
    if any(key not in ("threat_source", "cultivar_sources") for key in diversity):
        yield "diversity", diversity.get("source")
    if "threat_source" in diversity:
        yield "diversity.threat", diversity["threat_source"]
    lists = {
        "taxonomy": entry["taxonomy"].get("sources") if "taxonomy" in entry else (),
        "storage": entry["storage"].get("sources") if "storage" in entry else (),
        "ripening.climacteric": ripening.get("climacteric_sources") if "climacteric" in ripening else (),
        "ripening.ethylene": ripening.get("ethylene_sources")
        if ripening.keys() & {"ethylene_production", "ethylene_sensitivity"}
        else (),
        "diversity.cultivars": diversity.get("cultivar_sources", ()),
    }
    for field, sources in lists.items():
        if sources == ():
            continue
        for source in sources or [None]:
            yield field, source
    for caution in entry.get("cautions", []):
        yield f"caution {caution['id']}", caution.get("source")


def _nutrition_citations(nutrition: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    for field, (_, source, _) in nutrition.get("filled", {}).items():
        yield f"nutrition.{field}", source
    if "refuse_pct" in nutrition:
        yield "nutrition.refuse_pct", nutrition["refuse_pct"][1]
    for record in [nutrition, *nutrition.get("other_portions", [])] if nutrition else []:
        yield "nutrition.portion", record.get("source")
        for unknown in record["values"].keys() - set(NUTRIENTS):
            raise CatalogueError(f"nutrition: {unknown} is none of {', '.join(NUTRIENTS)}")
