"""Lays out how a fruit keeps and ripens: ranges, a sentence made from them, the wording of the sources."""

from collections.abc import Mapping
from typing import Any

from models.catalogue_words import Words

Json = dict[str, Any]
NO_BREAK = "\N{NO-BREAK SPACE}"


def storage(entry: Mapping[str, Any], words: Words, lang: str) -> Json:
    """Return cold-storage temperature (°C), relative humidity (%) and life, with a sentence on them."""
    return {
        **_storage_sentence(entry, words, lang),
        "temperature_c": [_when(span, words, lang) for span in entry["temperature_c"]],
        "humidity_pct": entry["humidity_pct"],
        "life": [_when(span, words, lang) for span in entry.get("life", [])],
        "as_published": entry["as_published"],
        "sources": entry["sources"],
    }


def ripening(fruit: str, entry: Mapping[str, Any], words: Words, lang: str) -> Json:
    """Return whether the fruit ripens after picking, and what it does with ethylene."""
    climacteric = entry.get("climacteric")
    sentence = words.text("climacteric_notes", fruit, lang)
    if sentence is None and climacteric:
        sentence = words.text("climacteric", climacteric, lang)
    return {
        **(sentence or {"text": None, "lang": None}),
        "climacteric": climacteric,
        "climacteric_as_published": entry.get("climacteric_as_published"),
        "climacteric_sources": entry.get("climacteric_sources", []),
        "ethylene_production": _ethylene(entry.get("ethylene_production"), words, lang),
        "ethylene_sensitivity": _ethylene(entry.get("ethylene_sensitivity"), words, lang),
        "ethylene_sources": entry.get("ethylene_sources", []),
    }


def _ethylene(entry: Mapping[str, Any] | None, words: Words, lang: str) -> Json | None:
    """A level with its word, where the source gives one; None when it gives nothing."""
    if entry is None:
        return None
    level = entry.get("level")
    return {**entry, "name": words.text("levels", level, lang) if level else None}


def _storage_sentence(entry: Mapping[str, Any], words: Words, asked: str) -> dict[str, str]:
    lang = words.single("phrases", asked)["lang"]
    temperature = ", ".join(_conditional(span, "°C", words, lang) for span in entry["temperature_c"])
    humidity = _span(entry["humidity_pct"], words, lang)
    sentence = words.get("phrases", "storage", lang).format(temperature=temperature, humidity=humidity)
    if entry.get("life"):
        life = ", ".join(_conditional(s, _duration(s, words, lang), words, lang) for s in entry["life"])
        sentence += words.get("phrases", "life", lang).format(life=life)
    return {"text": sentence + ".", "lang": lang}


def _conditional(span: Mapping[str, Any], unit: str, words: Words, lang: str) -> str:
    """A range with its unit, and in brackets the condition under which it holds."""
    condition = f" ({words.get('when', span['when'], lang)})" if "when" in span else ""
    return f"{_span(span, words, lang)}{NO_BREAK}{unit}{condition}"


def _duration(span: Mapping[str, Any], words: Words, lang: str) -> str:
    plural = "s" if span.get("max", span.get("min")) > 1 else ""
    return words.get("phrases", span["unit"] + plural, lang)


def _span(span: Mapping[str, Any], words: Words, lang: str) -> str:
    low, high = span.get("min"), span.get("max")
    shown = {k: _number(span[k], words, lang) for k in ("min", "max") if k in span}
    if low is not None and low == high:
        return shown["min"]
    key = "at_most" if low is None else "at_least" if high is None else "between"
    return words.get("phrases", key, lang).format(**shown)


def _number(value: float, words: Words, lang: str) -> str:
    return f"{value:g}".replace("-", "−").replace(".", words.get("phrases", "decimal", lang))


def _when(span: Mapping[str, Any], words: Words, lang: str) -> Json:
    """A range with its condition in words, None when it always holds."""
    when = words.text("when", span["when"], lang) if "when" in span else None
    return {**{k: v for k, v in span.items() if k != "when"}, "when": when}
