"""No language is left half done: a section of words is whole or absent, and each text tells its language."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from models.catalogue import Catalogue

CATALOGUE = Catalogue.default()
WORDS: dict[str, dict[str, Any]] = json.loads(CATALOGUE.to_json())["words"]
# Sections that every language has; the others are in English and French, and English stands in for the rest.
EVERYWHERE = {
    "cautions", "cautions_note", "climacteric", "climacteric_notes", "co2_method", "co2_notes", "co2_rows",
    "families", "fruits", "levels", "phrases", "plurals", "regions", "season_notes", "sensitivities",
    "synonyms", "topics", "varieties", "when",
}  # fmt: skip
ENGLISH_AND_FRENCH = {
    "cultivars", "descriptions", "handling", "maturity", "nutrition_notes", "taxonomy_notes", "threats",
    "variety_descriptions",
}  # fmt: skip
NAMES = ("fruits", "varieties", "families", "plurals", "synonyms")
NO_BREAK, NARROW = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"
UNITS = r"(?:µg|mg|kg|g|mm|°C)"


def texts(lang: str, *, names: bool = True) -> Iterator[tuple[str, str]]:
    """Where each text of a language stands, and the text."""
    for section, content in WORDS[lang].items():
        if isinstance(content, str):
            yield section, content
        elif names or section not in NAMES:
            for key, text in content.items():
                for one in text if isinstance(text, list) else [text]:
                    yield f"{section} {key}", one


def figures_in(text: str) -> list[str]:
    """The numbers of a text, in whatever language they are written."""
    joined = re.sub(rf"(?<=\d)[, {NO_BREAK}{NARROW}](?=\d{{3}}(?!\d))", "", text)
    return sorted(re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d)", ".", joined)))


@pytest.mark.parametrize("lang", CATALOGUE.languages)
def test_a_section_is_whole_or_not_there(lang: str) -> None:
    sections = EVERYWHERE | (ENGLISH_AND_FRENCH if lang in ("en", "fr") else set())
    assert set(WORDS[lang]) == sections
    for section in sections - {"synonyms"}:
        english = WORDS["en"][section]
        if isinstance(english, dict):
            assert set(WORDS[lang][section]) == set(english), section


@pytest.mark.parametrize("lang", CATALOGUE.languages)
def test_no_text_is_empty_or_untidy(lang: str) -> None:
    for where, text in texts(lang):
        assert text.strip() or where.startswith("phrases"), where
        assert "  " not in text, where
        assert not set("'\"") & set(text), where
        if not where.startswith("phrases"):
            assert text == text.strip(), where
    for section in ("cautions", "descriptions", "variety_descriptions", "handling", "maturity"):
        for key, text in WORDS[lang].get(section, {}).items():
            assert text.endswith("."), (section, key)


@pytest.mark.parametrize("lang", ["fr", "es", "de", "it"])
def test_a_translation_differs_from_the_english(lang: str) -> None:
    for section in (EVERYWHERE | ENGLISH_AND_FRENCH) - {*NAMES, "topics", "regions", "when", "co2_rows"}:
        ours, english = WORDS[lang].get(section), WORDS["en"][section]
        if isinstance(english, str):
            assert ours != english, section
        elif ours:
            same = {key for key in english if ours[key] == english[key]} - {"between", "week", "at_least"}
            assert same <= {"decimal"}, section


@pytest.mark.parametrize("lang", ["fr", "es", "de", "it"])
def test_a_translation_quotes_the_figures_of_the_english(lang: str) -> None:
    for section in (EVERYWHERE | ENGLISH_AND_FRENCH) - set(NAMES):
        english = WORDS["en"][section]
        for key in english if isinstance(english, dict) else ():
            if section in WORDS[lang]:
                assert figures_in(WORDS[lang][section][key]) == figures_in(english[key]), (section, key)


@pytest.mark.parametrize("lang", ["es", "de", "it", "fr"])
def test_a_caution_keeps_the_plants_substances_and_laws_that_the_english_names(lang: str) -> None:
    for words, key in (
        ("Atropa belladonna", "deadly-nightshade"), ("EFSA", "apricot-kernel"), ("MCPG", "lychee-hypoglycin"),
        ("1169/2011", "peanut-allergen"), ("112", "wild-plants"),
    ):  # fmt: skip
        assert words in WORDS[lang]["cautions"][key]
    medicines = {
        "simvastatin", "atorvastatin", "tacrolimus", "dronedaron", "ivabradin", "sertralin", "docetaxel",
    }  # fmt: skip
    told = WORDS[lang]["cautions"]["grapefruit-medicines"].casefold().replace("é", "e")
    assert {medicine for medicine in medicines if medicine in told} == medicines
    assert re.search("ci[ck]losporin", told)


@pytest.mark.parametrize("lang", CATALOGUE.languages)
def test_no_text_calls_a_fruit_safe(lang: str) -> None:
    safe = (
        r"\b(safe|harmless|sans danger|inoffensi\w+|segur[oa]s?|inofensiv\w+|sicher\w*|unbedenklich\w*"
        r"|harmlos\w*|unschädlich\w*|sicur[oaie]|innocu\w+|inocu\w+)\b"
    )
    for section in ("descriptions", "cautions", "variety_descriptions"):
        for key, text in WORDS[lang].get(section, {}).items():
            assert not re.search(safe, text, re.IGNORECASE), (section, key)


def test_french_is_set_as_french_printers_set_it() -> None:
    for where, text in texts("fr", names=False):
        assert not re.search(rf"[^{NARROW}][;!?]", text), where
        assert not re.search(rf"[^{NO_BREAK}]:(?!\w)", text), where
        assert not re.search(rf"«[^{NO_BREAK}]|[^{NO_BREAK}]»", text), where
        assert not re.search(r"\d[ .,]\d{3}(?!\d)", text), where
        assert "..." not in text, where


@pytest.mark.parametrize(
    ("lang", "gap"), [("fr", NARROW), ("es", NO_BREAK), ("de", NO_BREAK), ("it", ""), ("en", "")]
)
def test_units_and_percentages_stay_with_their_number(lang: str, gap: str) -> None:
    for where, text in texts(lang, names=False):
        assert not re.search(rf"\d {UNITS}\b|\d °C", text), where
        for found in re.findall(r"(?<=[\d}])(\s?)%", text):
            assert found == gap, where
        separator = "." if lang == "en" else ","
        assert all(
            mark == separator
            for mark in re.findall(r"(?<=\d)([.,])\d(?!\d\d)", re.sub(r"Agribalyse 3\.2|CO₂", "", text))
        ), where


@pytest.mark.parametrize("lang", CATALOGUE.languages)
def test_phrases_take_the_same_values_in_every_language(lang: str) -> None:
    for key, english in WORDS["en"]["phrases"].items():
        ours = WORDS[lang]["phrases"][key]
        assert sorted(re.findall(r"\{\w+\}", ours)) == sorted(re.findall(r"\{\w+\}", english)), key


@pytest.mark.parametrize("lang", ["es", "de", "it"])
def test_a_card_says_of_every_text_in_which_language_it_is(lang: str) -> None:
    def languages(node: Any) -> Iterator[tuple[str, str]]:
        if isinstance(node, dict):
            if isinstance(node.get("text"), str) and "licence" not in node:
                yield node["lang"], node["text"]
            for key, child in node.items():
                if key != "sources":
                    yield from languages(child)
        elif isinstance(node, list):
            for child in node:
                yield from languages(child)

    english = {text for _, text in texts("en")}
    for fruit in CATALOGUE.fruit_ids:
        card = CATALOGUE.fruit(fruit, lang) or {}
        found = list(languages(card))
        assert {told for told, _ in found} == {lang, "en"}, fruit
        for told, text in found:
            assert not (told == lang and text in english and " " in text), (fruit, text)
        assert {caution["lang"] for caution in card["cautions"]} == {lang}
        assert card["cautions_note"]["lang"] == lang
        assert card["description"]["lang"] == "en"


def test_storage_is_told_in_five_languages() -> None:
    told = {
        lang: (CATALOGUE.fruit("lychee", lang) or {})["storage"]["text"].replace(NO_BREAK, " ")
        for lang in CATALOGUE.languages
    }
    assert told == {
        "en": "Cold storage: 2 to 5 °C, 90 to 95% relative humidity; keeps 3 to 5 weeks.",
        "fr": "Conservation au froid : 2 à 5 °C, 90 à 95\u202f% d’humidité relative\u202f; "
        "se garde 3 à 5 semaines.",
        "es": "Conservación en frío: de 2 a 5 °C, de 90 a 95 % de humedad relativa; "
        "se conserva de 3 a 5 semanas.",
        "de": "Kühllagerung: 2 bis 5 °C, 90 bis 95 % relative Luftfeuchtigkeit; haltbar 3 bis 5 Wochen.",
        "it": "Conservazione al freddo: da 2 a 5 °C, da 90 a 95% di umidità relativa; "
        "si conserva da 3 a 5 settimane.",
    }
