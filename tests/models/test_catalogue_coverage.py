"""The card of a fruit shows what the tables support, field by field, and docs/catalogue.md counts it."""

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from models.catalogue import Catalogue

Card = dict[str, Any]
Row = dict[str, str]
DOCUMENT = Path(__file__).parents[2] / "docs" / "catalogue.md"
SHOWN: Mapping[str, Callable[[Card], object]] = {
    "description": lambda card: card["description"],
    "taxonomy": lambda card: card["taxonomy"],
    "season": lambda card: card["season"],
    "nutrition": lambda card: card["nutrition"],
    "CO₂": lambda card: card["co2"],
    "storage": lambda card: card["storage"],
    "climacteric": lambda card: card["ripening"] and card["ripening"]["climacteric"],
    "ethylene": lambda card: card["ripening"] and card["ripening"]["ethylene_sources"],
    "handling": lambda card: card["handling"],
    "sensitivity": lambda card: card["handling"] and card["handling"]["sensitive_to"],
    "maturity": lambda card: card["handling"] and card["handling"]["maturity"],
    "regions": lambda card: card["diversity"] and card["diversity"]["regions"],
    "varieties released": lambda card: card["diversity"] and card["diversity"]["varieties_released"],
    "genebank": lambda card: card["diversity"] and card["diversity"]["genebank_accessions"],
    "threatened relatives": lambda card: card["diversity"] and card["diversity"]["threatened_wild_relatives"],
    "cultivars": lambda card: card["diversity"] and card["diversity"]["cultivars"],
    "cautions": lambda card: [c for c in card["cautions"] if c["id"] != "wild-plants"],
}
# Where a row supports less than it seems: the months of ADEME's "mure" are the bramble's.
MONTHS_OF_ANOTHER_FRUIT = {"mulberry"}
SUPPORTED: Mapping[str, tuple[str, Callable[[Row], object]]] = {
    "taxonomy": ("taxonomy", lambda row: row["scientific_name"]),
    "season": ("seasons_co2", lambda row: row["months_fr"] and row["slug"] not in MONTHS_OF_ANOTHER_FRUIT),
    "nutrition": ("nutrition", lambda row: row["role"] == "primary"),
    "CO₂": ("seasons_co2", lambda row: row["co2_method"].startswith("Agribalyse 3.2")),
    "storage": ("postharvest", lambda row: row["storage_temp_c"]),
    "climacteric": ("postharvest", lambda row: row["climacteric_src"]),
    "ethylene": ("postharvest", lambda row: row["ethylene_src"]),
    "handling": ("postharvest", lambda row: row["handling_or_robotic_note"]),
    "regions": ("diversity", lambda row: row["primary_regions_of_diversity"]),
    "varieties released": ("diversity", lambda row: row["upov_varietal_releases_2014_2018"]),
    "genebank": ("diversity", lambda row: row["genebank_accessions_species"]),
    "threatened relatives": ("diversity", lambda row: row["threatened_wild_relatives"]),
    "cultivars": ("diversity", lambda row: row["cultivar_count_note"]),
    "cautions": ("cautions", lambda row: row["slug"] != "*"),
}
# The note of a robot or a picker names the damage, or when to pick, in these words.
DAMAGE = r"bruis|abrasion|compression|water|dehydrat|oil|gripping"
SIGN = r"pick fully ripe|almost fully ripe|pick ripe|mature-green|firmness|colour|full ripeness"


@pytest.fixture(scope="module")
def cards() -> dict[str, Card]:
    catalogue = Catalogue.default()
    return {fruit: catalogue.fruit(fruit, "fr") or {} for fruit in catalogue.fruit_ids}


def shown(cards: dict[str, Card], field: str) -> set[str]:
    return {fruit for fruit, card in cards.items() if SHOWN[field](card)}


def rows(shared_data: Path, table: str) -> list[Row]:
    with (shared_data.parent / "facts" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("field", SUPPORTED)
def test_a_field_is_shown_for_the_fruits_that_a_row_supports_and_no_other(
    cards: dict[str, Card], shared_data: Path, field: str
) -> None:
    table, supports = SUPPORTED[field]
    supported = {row["slug"] for row in rows(shared_data, table) if supports(row)}
    assert shown(cards, field) == supported


def test_notes_on_damage_and_on_when_to_pick_are_told_apart(
    cards: dict[str, Card], shared_data: Path
) -> None:
    notes = {row["slug"]: row["handling_or_robotic_note"].lower() for row in rows(shared_data, "postharvest")}
    unharmed = {"fig", "pear", "mango", "cactus-fruit"}  # their notes speak of damage that did not happen
    damaged = {fruit for fruit, note in notes.items() if re.search(DAMAGE, note)}
    assert shown(cards, "sensitivity") == damaged - unharmed
    assert shown(cards, "maturity") == {fruit for fruit, note in notes.items() if re.search(SIGN, note)}


def test_a_missing_field_is_said_to_be_missing(cards: dict[str, Card]) -> None:
    for fruit, card in cards.items():
        topics = ("nutrition", "season", "co2", "storage", "ripening", "diversity")
        assert card["no_sourced_figure"] == [topic for topic in topics if card[topic] is None], fruit
        assert bool(card["no_sourced_figure_text"]) == bool(card["no_sourced_figure"]), fruit


def test_every_nutrition_names_its_portion_and_every_figure_its_unit(cards: dict[str, Card]) -> None:
    for fruit in shown(cards, "nutrition"):
        nutrition = cards[fruit]["nutrition"]
        for record in [nutrition, *nutrition["other_portions"]]:
            assert record["portion"]["text"], fruit
            assert record["portion"]["lang"] == "fr", fruit
            for name, figure in record["per_100_g"].items():
                assert figure["unit"] == {"ug": "µg"}.get(name.rsplit("_", 1)[1], name.rsplit("_", 1)[1])
                assert figure["source"] in cards[fruit]["sources"], (fruit, name)


def test_the_nutrition_of_a_variety_names_one_that_the_card_lists(cards: dict[str, Card]) -> None:
    named = set()
    for fruit in shown(cards, "nutrition"):
        listed = [variety["id"] for variety in cards[fruit]["varieties"]]
        for portion in cards[fruit]["nutrition"]["other_portions"]:
            assert portion["variety"] is None or portion["variety"] in listed
            named.add(portion["variety"])
    assert {"apple/granny-smith", "bell-pepper/green", "mandarin/clementine", "melon/honeydew"} < named


def test_every_variety_has_a_line_in_french_and_in_english() -> None:
    catalogue = Catalogue.default()
    lines = {
        (variety["id"], lang): variety["description"]
        for lang in ("en", "fr")
        for fruit in catalogue.fruit_ids
        for variety in (catalogue.fruit(fruit, lang) or {})["varieties"]
    }
    assert len(lines) == 2 * len(catalogue.variety_ids)
    for (variety, lang), line in lines.items():
        assert line["lang"] == lang, variety
        assert not re.search(r"\d", line["text"]), variety
    assert len({line["text"] for line in lines.values()}) == len(lines)


def test_the_document_counts_what_is_shown(cards: dict[str, Card]) -> None:
    table = dict(re.findall(r"^\| ([^|]+?) \| (\d+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert table == {field: str(len(shown(cards, field))) for field in SHOWN}
