"""The catalogue: names in five languages, facts that each carry their source, and nothing invented."""

import copy
import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models import catalogue as module
from models.catalogue import Catalogue
from models.errors import CatalogueError

LANGUAGES = ("en", "fr", "es", "de", "it")
TOPICS = ("nutrition", "season", "co2", "storage", "ripening", "handling", "diversity")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.default()


def sheet(catalogue: Catalogue, fruit: str, lang: str = "en") -> dict[str, Any]:
    found = catalogue.fruit(fruit, lang)
    assert found is not None
    return found


def nutrients(catalogue: Catalogue, fruit: str) -> dict[str, Any]:
    per_100_g: dict[str, Any] = sheet(catalogue, fruit)["nutrition"]["per_100_g"]
    return per_100_g


def spoiled(catalogue: Catalogue, spoil: Callable[[dict[str, Any]], object]) -> str:
    content = json.loads(catalogue.to_json())
    spoil(content)
    return json.dumps(content)


def unsourced_numbers(node: Any, path: str, sourced: bool = False) -> Iterator[str]:
    """Paths of numbers that have no source beside them or above them."""
    if isinstance(node, dict):
        named = {key for key, value in node.items() if value and key.endswith(("source", "sources"))}
        for key, value in node.items():
            yield from unsourced_numbers(value, f"{path}.{key}", sourced or bool(named))
    elif isinstance(node, list):
        for value in node:
            yield from unsourced_numbers(value, path, sourced)
    elif isinstance(node, int | float) and not isinstance(node, bool) and not sourced:
        yield path


def test_all_fruits_of_the_catalogue_have_a_sheet_in_every_language(catalogue: Catalogue) -> None:
    assert len(catalogue.fruit_ids) == 62
    for lang in LANGUAGES:
        for fruit in catalogue.fruit_ids:
            assert sheet(catalogue, fruit, lang)["lang"] == lang


def test_names_of_fruits_varieties_and_families_are_complete_in_five_languages(catalogue: Catalogue) -> None:
    assert catalogue.languages == LANGUAGES
    words = json.loads(catalogue.to_json())["words"]
    for lang in LANGUAGES:
        assert set(words[lang]["fruits"]) == set(catalogue.fruit_ids)
        assert set(words[lang]["varieties"]) == set(catalogue.variety_ids)
        assert set(words[lang]["families"]) == set(catalogue.families)


def test_no_two_fruits_share_a_name_in_one_language(catalogue: Catalogue) -> None:
    for lang in LANGUAGES:
        names = [catalogue.name(fruit, lang) for fruit in catalogue.fruit_ids]
        assert len(set(names)) == len(names), lang


def test_every_alias_leads_to_a_known_fruit_and_variety(catalogue: Catalogue) -> None:
    with (module.FACTS / "aliases.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > len(catalogue.fruit_ids)
    for row in rows:
        assert row["fruit"] in catalogue.fruit_ids, row
        assert not row["variety"] or row["variety"] in catalogue.variety_ids, row
        assert not row["variety"] or row["variety"].startswith(row["fruit"] + "/"), row


def test_every_variety_belongs_to_a_fruit_whose_sheet_lists_it(catalogue: Catalogue) -> None:
    for variety in catalogue.variety_ids:
        listed = sheet(catalogue, variety.split("/")[0])["varieties"]
        assert variety in [entry["id"] for entry in listed]


def test_every_figure_of_every_fruit_has_a_source_that_the_sheet_explains(catalogue: Catalogue) -> None:
    for fruit in catalogue.fruit_ids:
        found = sheet(catalogue, fruit)
        facts = {key: found[key] for key in ("taxonomy", *TOPICS) if found[key] is not None}
        assert list(unsourced_numbers(facts, fruit)) == []
        for figure in (found["nutrition"] or {"per_100_g": {}})["per_100_g"].values():
            assert figure["source"] in found["sources"]
        for source in found["sources"].values():
            assert source["text"]
            assert source["licence"]


def test_every_source_named_anywhere_in_a_sheet_is_in_its_table(catalogue: Catalogue) -> None:
    def named(node: Any, key: str = "") -> Iterator[str]:
        if isinstance(node, dict):
            for name, value in node.items():
                yield from named(value, name)
        elif isinstance(node, list):
            for value in node:
                yield from named(value, key)
        elif isinstance(node, str) and key.endswith(("source", "sources")):
            yield node

    for fruit in catalogue.fruit_ids:
        found = sheet(catalogue, fruit)
        topics = {key: found[key] for key in ("taxonomy", *TOPICS)}
        assert set(named(topics)) <= set(found["sources"]), fruit


def test_texts_of_the_catalogue_quote_no_figure_of_their_own(catalogue: Catalogue) -> None:
    for lang in ("en", "fr"):
        for fruit in catalogue.fruit_ids:
            assert not re.search(r"\d", sheet(catalogue, fruit, lang)["description"]["text"]), fruit


def test_descriptions_and_cautions_are_complete_in_french_and_differ_from_the_english(
    catalogue: Catalogue,
) -> None:
    for fruit in catalogue.fruit_ids:
        english, french = sheet(catalogue, fruit, "en"), sheet(catalogue, fruit, "fr")
        assert french["description"]["lang"] == "fr"
        assert french["description"]["text"] != english["description"]["text"]
        for ours, theirs in zip(french["cautions"], english["cautions"], strict=True):
            assert (ours["lang"], theirs["lang"]) == ("fr", "en")
            assert ours["text"] != theirs["text"]


@pytest.mark.parametrize("lang", ["xx", "pt", "", "zh-Hant", "de", "es"])
def test_a_language_without_descriptions_gets_the_english_text_and_says_so(
    catalogue: Catalogue, lang: str
) -> None:
    found = sheet(catalogue, "apple", lang)
    assert found["description"]["lang"] == "en"
    assert found["name"] == {"de": "Apfel", "es": "Manzana"}.get(lang, "Apple")
    assert found["cautions"][0]["lang"] == (lang if lang in LANGUAGES else "en")


def test_a_regional_language_is_answered_in_its_base_language(catalogue: Catalogue) -> None:
    assert catalogue.name("apple", "fr-CA") == "Pomme"
    assert sheet(catalogue, "apple", "fr_BE")["lang"] == "fr"


def test_the_general_caution_goes_with_every_fruit_and_with_answers_without_one(catalogue: Catalogue) -> None:
    for fruit in catalogue.with_fruits(["dekopon"], []).fruit_ids:
        found = sheet(catalogue.with_fruits(["dekopon"], []), fruit, "fr")
        assert found["cautions"][-1]["id"] == "wild-plants"
        assert "incomplète" in found["cautions_note"]["text"]
    (general,) = catalogue.general_cautions("en")
    assert general["severity"] == "high"
    assert "112" in general["text"]
    assert general["url"].startswith("https://")


def test_a_high_caution_comes_before_lesser_ones(catalogue: Catalogue) -> None:
    severities = [c["severity"] for c in sheet(catalogue, "apricot")["cautions"][:-1]]
    assert severities == ["high", "low"]
    assert sheet(catalogue, "apricot")["cautions"][0]["id"] == "apricot-kernel"


def test_a_folder_that_nobody_knows_gets_a_readable_name_and_no_facts(catalogue: Catalogue) -> None:
    grown = catalogue.with_fruits(["dekopon", "apple", "not_fruit"], ["apple/sweet_tango", "yuzu/hana-yuzu"])
    assert set(grown.fruit_ids) - set(catalogue.fruit_ids) == {"dekopon", "yuzu"}
    assert grown.name("dekopon", "it") == "Dekopon"
    assert grown.name("apple/sweet_tango", "fr") == "Sweet tango"
    found = sheet(grown, "dekopon", "fr")
    assert found["no_sourced_figure"] == [topic for topic in TOPICS if topic != "handling"]
    assert found["no_sourced_figure_text"].startswith("Pas de chiffre sourcé")
    assert [found[key] for key in ("scientific_name", "taxonomy", "look_alikes", "description")] == [None] * 4
    assert found["sources"] == {}
    assert "yuzu/hana-yuzu" in [v["id"] for v in sheet(grown, "yuzu")["varieties"]]
    assert catalogue.fruit("dekopon", "en") is None
    assert catalogue.with_fruits(["apple"], ["apple/braeburn"]) is catalogue


def test_json_round_trip_keeps_every_byte(catalogue: Catalogue) -> None:
    grown = catalogue.with_fruits(["dekopon"], ["dekopon/small"])
    for one in (catalogue, grown):
        again = Catalogue.from_json(one.to_json())
        assert again.to_json() == one.to_json()
        assert again.fruit("apple", "fr") == one.fruit("apple", "fr")
        assert again.languages == one.languages
    assert Catalogue.default().to_json() == catalogue.to_json()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"figures": 3, "words": {}}', '{"figures": {}, "words": {}}']
)
def test_what_is_no_catalogue_is_refused(text: str) -> None:
    with pytest.raises(CatalogueError):
        Catalogue.from_json(text)


def test_each_fruit_has_at_most_one_family_and_look_alikes_exclude_itself(catalogue: Catalogue) -> None:
    assert catalogue.family_of("lemon") == "citrus"
    assert catalogue.family_of("banana") is None
    assert sheet(catalogue, "banana")["look_alikes"] is None
    members = [fruit for group in catalogue.families.values() for fruit in group]
    assert len(members) == len(set(members))
    assert all(len(group) >= 2 for group in catalogue.families.values())
    alike = sheet(catalogue, "peach", "fr")["look_alikes"]
    assert alike["family"] == {"id": "stone-fruit", "name": "Fruits à noyau"}
    assert {"id": "nectarine", "name": "Nectarine"} in alike["fruits"]
    assert "peach" not in [fruit["id"] for fruit in alike["fruits"]]


@pytest.mark.parametrize(
    ("query", "fruit"),
    [("PECHE", "peach"), ("pêche", "peach"), ("zäpfchen", None), ("Süß", "cherry"), ("suss", "cherry"),
     ("fico d'india", "cactus-fruit"), ("malus", "apple"), ("granny", "apple"), ("clémentine", "mandarin"),
     ("bell-pepper", "bell-pepper"), ("maní", "peanut"), ("zzz", None)],
)  # fmt: skip
def test_a_search_finds_names_in_any_language_without_accents_or_case(
    catalogue: Catalogue, query: str, fruit: str | None
) -> None:
    found = [row["id"] for row in catalogue.fruits("en", query)]
    assert (fruit in found) if fruit else found == []


def test_fruits_are_listed_by_name_in_the_asked_language(catalogue: Catalogue) -> None:
    french = [row["name"] for row in catalogue.fruits("fr")]
    assert french[:3] == ["Abricot", "Ananas", "Aubergine"]
    assert len(french) == len(catalogue.fruit_ids)
    assert catalogue.fruits("en", "apple")[0] == {
        "id": "apple",
        "name": "Apple",
        "scientific_name": "Malus domestica",
    }


def test_an_unknown_id_has_a_readable_name_and_no_sheet(catalogue: Catalogue) -> None:
    assert catalogue.name("no-such-thing", "fr") == "No such thing"
    assert catalogue.fruit("no-such-thing", "fr") is None
    assert catalogue.fruit("citrus", "fr") is None
    assert catalogue.scientific_name("no-such-thing") is None
    assert catalogue.family_of("no-such-thing") is None


def test_pinned_figures_of_the_apple(catalogue: Catalogue) -> None:
    found = sheet(catalogue, "apple")
    figures = found["nutrition"]["per_100_g"]
    assert figures["energy_kcal"] == {"value": 54, "unit": "kcal", "source": "CIQUAL 2025", "record": "13039"}
    assert figures["water_g"]["value"] == 85.4
    assert figures["vitamin_c_mg"] == {
        "value": 6.25,
        "unit": "mg",
        "source": "CIQUAL 2020",
        "record": "13039",
    }
    assert figures["vitamin_a_rae_ug"]["source"] == "USDA SR28"
    assert found["season"]["months"] == [1, 2, 3, 4, 8, 9, 10, 11, 12]
    assert found["co2"]["kg_co2e_per_kg"] == 0.408
    assert found["storage"]["temperature_c"][0] == {"min": -1.1, "max": 0, "when": None}
    assert found["storage"]["text"].replace("\N{NO-BREAK SPACE}", " ") == (
        "Cold storage: −1.1 to 0 °C, 4 °C (varieties that dislike cold), 90 to 95% relative humidity; "
        "keeps 3 to 6 months, 1 to 2 months (varieties that dislike cold)."
    )
    assert found["taxonomy"]["gbif_key"] == 3001244
    assert found["diversity"]["varieties_released"]["count"] == 1037


def test_a_blank_is_never_shown_as_zero(catalogue: Catalogue) -> None:
    pomelo = sheet(catalogue, "pomelo")["nutrition"]
    assert "sugars_g" in pomelo["not_determined"]
    assert "sugars_g" not in pomelo["per_100_g"]
    gooseberry = sheet(catalogue, "gooseberry")["nutrition"]
    assert "sugars_g" in gooseberry["not_determined"]
    assert "energy_kcal" in sheet(catalogue, "cashew")["nutrition"]["not_determined"]
    cucumber = sheet(catalogue, "cucumber")
    assert set(cucumber["nutrition"]["per_100_g"]) == {
        "energy_kcal", "carbohydrate_excluding_fibre_g", "protein_g", "fat_g",
    }  # fmt: skip
    assert cucumber["no_sourced_figure"] == ["co2", "storage", "ripening", "diversity"]
    assert cucumber["season"]["months"] == [5, 6, 7, 8, 9, 10]
    assert cucumber["taxonomy"]["gbif_key"] is None


def test_a_published_zero_stays_zero(catalogue: Catalogue) -> None:
    assert nutrients(catalogue, "coconut")["beta_carotene_ug"]["value"] == 0
    assert sheet(catalogue, "apple")["diversity"]["svalbard_accessions"] == 0
    assert sheet(catalogue, "cactus-fruit")["diversity"]["varieties_released"] is None


def test_a_value_below_the_limit_of_measurement_is_said_to_be(catalogue: Catalogue) -> None:
    fat = nutrients(catalogue, "apricot")["fat_g"]
    assert (fat["value"], fat["less_than"]) == (None, 0.5)


def test_carbohydrates_of_two_definitions_never_share_a_column(catalogue: Catalogue) -> None:
    excluding, including = "carbohydrate_excluding_fibre_g", "carbohydrate_including_fibre_g"
    for fruit in catalogue.fruit_ids:
        found = sheet(catalogue, fruit)["nutrition"]
        figures = found["per_100_g"] if found else {}
        assert not (excluding in figures and including in figures)
        if excluding in figures:
            assert figures[excluding]["definition"] == "excludes fibre"
            assert figures[excluding]["source"].startswith(("CIQUAL", "BLS"))
    assert nutrients(catalogue, "physalis")[including]["definition"] == "includes fibre"


def test_the_cashew_apple_is_kept_apart_from_the_nut(catalogue: Catalogue) -> None:
    found = sheet(catalogue, "cashew")["nutrition"]
    assert found["per_100_g"]["water_g"]["value"] == 88.5
    assert found["other_portions"][0]["per_100_g"]["energy_kcal"]["value"] == 618


def test_the_borrowed_figures_of_rambutan_are_left_out(catalogue: Catalogue) -> None:
    found = sheet(catalogue, "rambutan")["nutrition"]
    assert {figure["source"] for figure in found["per_100_g"].values()} == {"BLS 4.0"}
    assert found["per_100_g"]["energy_kcal"]["value"] == 63
    assert "vitamin_c_mg" in found["not_determined"]
    assert found["note"]["text"]


def test_mango_has_two_footprints_and_no_single_one(catalogue: Catalogue) -> None:
    found = sheet(catalogue, "mango", "fr")["co2"]
    assert found["kg_co2e_per_kg"] is None
    assert {(v["name"], v["kg_co2e_per_kg"]) for v in found["variants"]} == {
        ("Mangue par bateau", 0.728),
        ("Mangue par avion", 11.656),
    }
    mandarin = sheet(catalogue, "mandarin")["co2"]
    assert (mandarin["kg_co2e_per_kg"], mandarin["variants"][1]["kg_co2e_per_kg"]) == (0.468, 1.302)


def test_the_months_of_mure_go_to_the_bramble_and_its_footprint_to_the_mulberry(catalogue: Catalogue) -> None:
    blackberry, mulberry = sheet(catalogue, "blackberry"), sheet(catalogue, "mulberry")
    assert blackberry["season"]["months"] == [8, 9]
    assert blackberry["co2"] is None
    assert mulberry["season"] is None
    assert mulberry["co2"]["kg_co2e_per_kg"] == 1.248


def test_pomelo_and_grapefruit_are_not_mixed_up_in_french(catalogue: Catalogue) -> None:
    assert catalogue.name("grapefruit", "fr") == "Pamplemousse"
    assert catalogue.name("pomelo", "fr") == "Pamplemousse chinois"
    assert sheet(catalogue, "grapefruit")["nutrition"]["record"] == "13040"
    assert sheet(catalogue, "pomelo")["nutrition"]["record"] == "13614"


def test_gbif_is_linked_by_key_and_by_name(catalogue: Catalogue) -> None:
    taxonomy = sheet(catalogue, "lemon")["taxonomy"]
    assert taxonomy["gbif_url"] == "https://www.gbif.org/species/3190171"
    assert taxonomy["gbif_search_url"].endswith("q=Citrus%20limon")
    assert sheet(catalogue, "salak")["taxonomy"]["gbif_url"] is None
    assert sheet(catalogue, "plumcot")["taxonomy"]["gbif_search_url"] is None


def drop_source_of_a_filled_figure(content: dict[str, Any]) -> None:
    content["figures"]["fruits"]["apple"]["nutrition"]["filled"]["energy_kcal"][1] = "hearsay"


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda c: c["figures"]["fruits"]["fig"]["season"].pop("source"), r"fruit fig, season"),
        (drop_source_of_a_filled_figure, r"fruit apple, nutrition\.energy_kcal.*hearsay"),
        (lambda c: c["figures"]["fruits"]["fig"]["storage"].pop("sources"), r"fruit fig, storage"),
        (
            lambda c: c["figures"]["fruits"]["fig"]["ripening"].update(ethylene_sources=[]),
            r"fruit fig, ripening",
        ),
        (lambda c: c["figures"]["fruits"]["fig"]["diversity"].pop("source"), r"fruit fig, diversity"),
        (lambda c: c["figures"]["fruits"]["mango"]["cautions"][0].pop("source"), r"fruit mango, caution"),
        (lambda c: c["figures"]["families"]["citrus"].append("potato"), r"citrus.*potato"),
        (lambda c: c["figures"]["families"]["citrus"].append("apple"), r"fruit apple.*citrus"),
        (lambda c: c["figures"]["varieties"].append("potato/bintje"), r"potato/bintje"),
        (lambda c: c["words"]["it"]["fruits"].pop("fig"), r"fig.*it"),
        (lambda c: c["words"]["en"]["cautions"].pop("wild-plants"), r"wild-plants"),
        (lambda c: c["words"]["en"]["descriptions"].pop("fig"), r"fruit fig.*descriptions"),
        (lambda c: c["figures"].update(schema_version=2), r"schema_version 1, found 2"),
    ],
)
def test_a_contradiction_is_refused_with_the_fruit_and_the_field(
    catalogue: Catalogue, spoil: Callable[[dict[str, Any]], object], named: str
) -> None:
    with pytest.raises(CatalogueError, match=named):
        Catalogue.from_json(spoiled(catalogue, spoil))


def test_sheets_are_fresh_and_changing_one_changes_no_other(catalogue: Catalogue) -> None:
    before = copy.deepcopy(sheet(catalogue, "apple"))
    sheet(catalogue, "apple")["cautions"].clear()
    sheet(catalogue, "apple")["season"]["months"].clear()
    sheet(catalogue, "apple")["storage"]["as_published"].clear()
    sheet(catalogue, "apple")["sources"].clear()
    assert sheet(catalogue, "apple") == before


def test_the_facts_are_small(catalogue: Catalogue) -> None:
    assert len(catalogue.to_json().encode()) < 400_000
    assert Path(module.FACTS / "figures.json").stat().st_size < 200_000
