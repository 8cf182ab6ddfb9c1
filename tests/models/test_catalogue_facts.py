"""Proves figures.json, for every fruit, against the tables it was taken from, where these are at hand."""

import csv
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from models.catalogue import FACTS

Row = dict[str, str]
# The sources' own traps: see the notes of the tables' README.
SEED_NOT_FRUIT = {"cashew", "peanut"}  # USDA weighs another part or state than Ciqual
PORTION_CHANGED = {"cactus-fruit", "carambola"}  # Ciqual 2025 weighs the skin too
BORROWED = {"rambutan"}  # Ciqual 2020 repeats canned fruit
MONTHS_OF_ANOTHER_FRUIT = {"mulberry"}
TOLD_BY_CIQUAL = {"Peppers, sweet, green, raw"}
COLUMNS = (
    "energy_kcal", "water_g", "carbohydrate_g", "sugars_g", "fibre_g", "protein_g", "fat_g", "vitamin_c_mg",
    "potassium_mg", "folate_ug", "vitamin_a_rae_ug", "beta_carotene_ug",
)  # fmt: skip
STAGES = {
    "co2_agriculture": "agriculture",
    "co2_transformation": "processing",
    "co2_emballage": "packaging",
    "co2_transport": "transport",
    "co2_distribution": "distribution",
    "co2_consommation": "consumption",
}


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FACTS / "figures.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def tables(shared_data: Path) -> dict[str, dict[str, list[Row]]]:
    """Rows of every table by fruit."""
    found: dict[str, dict[str, list[Row]]] = {}
    for path in (shared_data.parent / "facts").glob("*.csv"):
        by_fruit: dict[str, list[Row]] = defaultdict(list)
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                by_fruit[row.get("slug", "")].append(row)
        found[path.stem] = dict(by_fruit)
    return found


def cells(row: Row, columns: tuple[str, ...]) -> dict[str, float | str]:
    """The determined cells of a food table, carbohydrate under the name of its definition."""
    kind = "including" if row["dataset"].startswith("USDA") else "excluding"
    found: dict[str, float | str] = {}
    for column in columns:
        text = row[column].strip()
        if text:
            name = column.replace("carbohydrate_g", f"carbohydrate_{kind}_fibre_g")
            found[name] = text.replace(" ", "") if text.startswith("<") else float(text)
    return found


def row_of(rows: list[Row], role: str, dataset: str, record: str = "") -> Row | None:
    found = [
        r for r in rows if r["role"] == role and r["dataset"].startswith(dataset) and record in r["record_id"]
    ]
    return found[0] if found else None


def nutrition_expected(fruit: str, rows: list[Row]) -> dict[str, tuple[float | str, str]] | None:
    """Ciqual first, then the newer Ciqual of the same food, then USDA; without Ciqual one table, then BLS."""
    ciqual, usda = row_of(rows, "primary", "CIQUAL 2020"), row_of(rows, "primary", "USDA SR28")
    if fruit in BORROWED:
        ciqual, usda = None, None
    if ciqual is None:
        lone = (
            usda or row_of(rows, "primary", "BLS") or (fruit in BORROWED and row_of(rows, "macro-bls", "BLS"))
        )
        if not lone:
            return None
        expected = {k: (v, lone["dataset"]) for k, v in cells(lone, COLUMNS).items()}
        bls = row_of(rows, "macro-bls", "BLS")
        for name, value in cells(bls, ("fibre_g",)).items() if bls else ():
            expected.setdefault(name, (value, bls["dataset"] if bls else ""))
        return expected
    expected = {k: (v, ciqual["dataset"]) for k, v in cells(ciqual, COLUMNS).items()}
    newer = row_of(rows, "macro-2025", "CIQUAL 2025", ciqual["record_id"])
    if newer and fruit not in PORTION_CHANGED:
        for name, value in cells(newer, ("energy_kcal",)).items():
            expected.setdefault(name, (value, newer["dataset"]))
    if usda and fruit not in SEED_NOT_FRUIT:
        for name, value in cells(usda, COLUMNS).items():
            if not name.startswith("carbohydrate"):
                expected.setdefault(name, (value, usda["dataset"]))
    return expected


def test_every_nutrient_of_every_fruit_equals_its_table(
    figures: dict[str, Any], tables: dict[str, dict[str, list[Row]]]
) -> None:
    for fruit, entry in figures["fruits"].items():
        record = entry.get("nutrition")
        expected = nutrition_expected(fruit, tables["nutrition"].get(fruit, []))
        if expected is None:
            assert record is None, fruit
            continue
        ours = {name: (value, record["source"]) for name, value in record["values"].items()}
        ours.update({name: (cell[0], cell[1]) for name, cell in record.get("filled", {}).items()})
        assert {k: v for k, (v, _) in ours.items()} == {k: v for k, (v, _) in expected.items()}, fruit
        for name, (_, source) in ours.items():
            dataset = expected[name][1]
            assert dataset.startswith(source.removesuffix(" (partial)")), (fruit, name)


def test_other_portions_and_waste_equal_their_tables(
    figures: dict[str, Any], tables: dict[str, dict[str, list[Row]]]
) -> None:
    for fruit, rows in tables["nutrition"].items():
        record = figures["fruits"][fruit].get("nutrition", {})
        expected = [r for r in rows if r["role"] == "alt" and r["dataset"] == "CIQUAL 2020"]
        others = [r for r in rows if r["role"] == "alt" and r["dataset"] == "USDA SR28"]
        expected += [r for r in others if r["food_description"] not in TOLD_BY_CIQUAL]
        ours = record.get("other_portions", [])
        assert [o["values"] for o in ours] == [cells(r, COLUMNS) for r in expected], fruit
        assert [o["source"] for o in ours] == [r["dataset"] for r in expected], fruit
        named = [o["portion"]["fr" if o["source"].startswith("CIQUAL") else "en"] for o in ours]
        assert named == [r["food_description"] for r in expected], fruit
        usda = row_of(rows, "primary", "USDA SR28")
        waste = usda["edible_refuse_pct"] if usda and fruit not in SEED_NOT_FRUIT | BORROWED else ""
        assert (record.get("refuse_pct") or [None])[0] == (float(waste) if waste else None), fruit


def test_the_portion_is_named_as_its_table_names_it(
    figures: dict[str, Any], tables: dict[str, dict[str, list[Row]]]
) -> None:
    for fruit, rows in tables["nutrition"].items():
        record = figures["fruits"][fruit].get("nutrition")
        if record:
            (row,) = [
                r
                for r in rows
                if r["record_id"].endswith(" " + record["record"])
                and r["dataset"].startswith(record["source"].removesuffix(" (partial)"))
            ]
            assert set(record["portion"].values()) & set(row["food_description"].split(" / ")), fruit


def test_names_families_and_gbif_keys_equal_the_taxonomy(
    figures: dict[str, Any], tables: dict[str, dict[str, list[Row]]]
) -> None:
    assert set(figures["fruits"]) == set(tables["taxonomy"])
    for fruit, (row,) in tables["taxonomy"].items():
        entry = figures["fruits"][fruit]
        taxon = entry["taxonomy"]
        assert (taxon["full_name"], taxon["family"], taxon["order"]) == (
            row["scientific_name"],
            row["family"],
            row["order"],
        )
        assert str(taxon.get("gbif_key", "")) == row["gbif_taxon_key"], fruit
        assert taxon.get("gbif_name", "") == row["gbif_matched_name"], fruit
        written = row["scientific_name"] + " spp. agg."
        assert all(word in written for word in entry["scientific_name"].split()), fruit


def test_months_and_footprints_equal_the_ademe_rows(
    figures: dict[str, Any], tables: dict[str, dict[str, list[Row]]]
) -> None:
    for fruit, entry in figures["fruits"].items():
        rows = tables["seasons_co2"].get(fruit, [])
        months = {row["months_fr"] for row in rows if row["months_fr"]}
        expected = next(row["months_fr"] for row in rows if row["months_fr"]) if months else ""
        if fruit in MONTHS_OF_ANOTHER_FRUIT:
            expected = ""
        assert " ".join(map(str, entry.get("season", {}).get("months", []))) == expected, fruit
        imported = any("imported" in row["note"] for row in rows)
        assert bool(entry.get("season", {}).get("imported")) == imported, fruit
        newest = [row for row in rows if row["co2_method"].startswith("Agribalyse 3.2")]
        ours = {
            (r["item"], r["kg_co2e_per_kg"], tuple(sorted(r["stages"].items())))
            for r in entry.get("co2", {}).get("rows", [])
        }
        assert ours == {
            (
                row["item_fr"],
                float(row["kg_co2e_per_kg"]),
                tuple(sorted((name, float(row[column])) for column, name in STAGES.items() if row[column])),
            )
            for row in newest
        }, fruit
        for row in entry.get("co2", {}).get("rows", []):
            assert sum(row["stages"].values()) == pytest.approx(row["kg_co2e_per_kg"], rel=0.02), fruit
            assert any(r["source"].endswith("aliments/" + row.get("page", "13025_2")) for r in newest), fruit


def numbers(text: str) -> set[float]:
    return {float(n) for n in re.findall(r"(?<![\d.])-?\d+(?:\.\d+)?", re.sub(r"(?<=\d)-", " ", text))}


def spans(node: Any) -> set[float]:
    entries = node if isinstance(node, list) else [node]
    return {float(span[end]) for span in entries for end in ("min", "max") if end in span}


def test_storage_and_ripening_equal_the_postharvest_table(
    figures: dict[str, Any], tables: dict[str, dict[str, list[Row]]]
) -> None:
    for fruit, entry in figures["fruits"].items():
        (row,) = tables["postharvest"].get(fruit, [defaultdict(str)])
        storage = entry.get("storage", {})
        published = storage.get("as_published", {})
        assert published.get("temperature_c", "") == row["storage_temp_c"], fruit
        assert published.get("humidity_pct", "") == row["storage_rh_pct"], fruit
        assert published.get("life", "") == row["storage_life"], fruit
        assert " ".join(storage.get("sources", [])) == row["storage_src"], fruit
        if storage and fruit != "kaki":
            assert spans(storage["temperature_c"]) <= numbers(row["storage_temp_c"]), fruit
            assert spans(storage["humidity_pct"]) == numbers(row["storage_rh_pct"]), fruit
            assert spans(storage.get("life", [])) <= numbers(row["storage_life"]), fruit
        ripening = entry.get("ripening", {})
        assert ripening.get("climacteric_as_published", "") == (
            row["climacteric"] if row["climacteric_src"] else ""
        )
        assert " ".join(ripening.get("climacteric_sources", [])) == row["climacteric_src"], fruit
        assert " ".join(ripening.get("ethylene_sources", [])) == row["ethylene_src"], fruit
        for key in ("ethylene_production", "ethylene_sensitivity"):
            assert ripening.get(key, {}).get("as_published", "") == row[key], fruit
        assert ("handling" in entry) == bool(row["handling_or_robotic_note"]), fruit
    assert figures["fruits"]["kaki"]["storage"]["temperature_c"] == [{"min": -1, "max": 1}]


def test_diversity_equals_its_table(figures: dict[str, Any], tables: dict[str, dict[str, list[Row]]]) -> None:
    counts = {
        "varieties_released": "upov_varietal_releases_2014_2018",
        "genebank_accessions_species": "genebank_accessions_species",
        "genebank_accessions_genus": "genebank_accessions_genus",
        "svalbard_accessions_species": "svalbard_accessions_species",
    }
    for fruit, entry in figures["fruits"].items():
        (row,) = tables["diversity"].get(fruit, [defaultdict(str)])
        ours = entry.get("diversity", {})
        for key, column in counts.items():
            assert str(ours.get(key, "")) == row[column], (fruit, key)
        assert "; ".join(ours.get("regions", [])) == row["primary_regions_of_diversity"], fruit
        assert " ".join(map(str, ours.get("release_years", []))) == row["upov_years"], fruit
        assert ours.get("crop", "") == row["ciat_crop"], fruit
        assert ("threat_source" in ours) == bool(row["threatened_wild_relatives"]), fruit
        assert ("cultivar_sources" in ours) == bool(row["cultivar_count_note"]), fruit


def test_figures_quoted_in_restated_sentences_stand_in_the_tables(
    tables: dict[str, dict[str, list[Row]]],
) -> None:
    words = json.loads((FACTS / "words.en.json").read_text(encoding="utf-8"))
    columns = {
        "handling": ("postharvest", "handling_or_robotic_note"),
        "maturity": ("postharvest", "handling_or_robotic_note"),
        "threats": ("diversity", "threatened_wild_relatives"),
        "cultivars": ("diversity", "cultivar_count_note"),
    }
    for section, (table, column) in columns.items():
        for fruit, sentence in words[section].items():
            quoted = numbers(sentence.replace(",", ""))
            published = numbers(tables[table][fruit][0][column].replace(",", ""))
            years = numbers(tables[table][fruit][0].get("threat_source", ""))
            assert quoted <= published | years, (section, fruit)


def test_every_caution_row_is_carried_with_its_severity_and_address(
    figures: dict[str, Any], tables: dict[str, dict[str, list[Row]]]
) -> None:
    words = json.loads((FACTS / "words.en.json").read_text(encoding="utf-8"))["cautions"]

    def shape(cautions: list[dict[str, str]]) -> list[tuple[str, ...]]:
        sources = figures["sources"]
        return sorted(
            (
                c["type"],
                c["severity"],
                c["confidence"],
                sources[c["source"]]["text"],
                sources[c["source"]]["url"],
            )
            for c in cautions
        )

    for fruit in ["*", *figures["fruits"]]:
        ours = figures["general_cautions"] if fruit == "*" else figures["fruits"][fruit].get("cautions", [])
        rows = tables["cautions"].get(fruit, [])
        keys = ("type", "severity", "confidence", "source", "url")
        assert shape(ours) == sorted(tuple(row[key] for key in keys) for row in rows), fruit
        published = numbers(" ".join(row["text_en"] for row in rows).replace(",", ""))
        quoted = {n for c in ours for n in numbers(words[c["id"]].replace(",", ""))}
        assert quoted <= published | {100.0}, fruit
