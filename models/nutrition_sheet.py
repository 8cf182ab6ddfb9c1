"""Lays out a record of a food table: what 100 g of the edible part hold, each value with its own source."""

from collections.abc import Mapping
from typing import Any

from models.catalogue_words import Words

Json = dict[str, Any]
# Ciqual and BLS leave fibre out of carbohydrate, USDA counts it in: two names, so that no column mixes them.
CARBOHYDRATE = {
    "carbohydrate_excluding_fibre_g": "excludes_fibre",
    "carbohydrate_including_fibre_g": "includes_fibre",
}
NUTRIENTS = (
    "energy_kcal",
    "water_g",
    *CARBOHYDRATE,
    "sugars_g",
    "fibre_g",
    "protein_g",
    "fat_g",
    "vitamin_c_mg",
    "potassium_mg",
    "folate_ug",
    "vitamin_a_rae_ug",
    "beta_carotene_ug",
)
UNITS = {"kcal": "kcal", "g": "g", "mg": "mg", "ug": "µg"}


def nutrition(record: Mapping[str, Any], sources: Mapping[str, Json], words: Words, lang: str) -> Json:
    """Return the main portion of a fruit, its waste and the other portions that the same table lists."""
    refuse = record.get("refuse_pct")
    return {
        **_portion(record, sources, words, lang),
        "refuse": dict(zip(("value", "unit", "source", "record"), (refuse[0], "%", *refuse[1:]), strict=True))
        if refuse
        else None,
        "other_portions": [
            {**_portion(other, sources, words, lang), "variety": other.get("variety")}
            for other in record.get("other_portions", [])
        ],
    }


def _portion(record: Mapping[str, Any], sources: Mapping[str, Json], words: Words, lang: str) -> Json:
    values = {k: (v, record["source"], record["record"]) for k, v in record["values"].items()}
    values.update({k: tuple(v) for k, v in record.get("filled", {}).items()})
    absent = [k for k in NUTRIENTS if k not in values and k not in CARBOHYDRATE]
    if not any(k in values for k in CARBOHYDRATE):
        absent.insert(0, "carbohydrate_g")
    name_lang = lang if lang in record["portion"] else "en"
    return {
        "portion": {"text": record["portion"][name_lang], "lang": name_lang},
        "per_100_g": {k: _nutrient(k, *values[k], words, lang) for k in NUTRIENTS if k in values},
        "not_determined": absent,
        "source": record["source"],
        "record": record["record"],
        "licence": sources[record["source"]]["licence"],
    }


def _nutrient(name: str, value: float | str, source: str, record: str, words: Words, lang: str) -> Json:
    """One nutrient; `less_than` instead of a value where the table gives only the limit of measurement."""
    below = isinstance(value, str)
    amount: Json = {"value": None, "less_than": float(str(value)[1:])} if below else {"value": value}
    amount["unit"] = UNITS[name.rsplit("_", 1)[1]]
    if name in CARBOHYDRATE:
        amount["definition"] = words.get("phrases", CARBOHYDRATE[name], lang)
    return {**amount, "source": source, "record": record}
