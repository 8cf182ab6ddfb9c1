"""Words of the catalogue in every language, with English behind each of them."""

import unicodedata
from collections.abc import Mapping
from typing import Any

FALLBACK = "en"


def search_form(text: str) -> str:
    """Return `text` as it is compared in a search: no accents, no case, no punctuation, single spaces."""
    folded = text.replace("œ", "oe").replace("Œ", "oe").casefold()
    plain = (c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def readable(identifier: str) -> str:
    """Return a name for an id without one: `apple/granny-smith` gives `Granny smith`."""
    words = identifier.rsplit("/", 1)[-1].replace("-", " ").replace("_", " ").split()
    text = " ".join(words)
    return text[:1].upper() + text[1:]


class Words:
    """Names and texts by language; a language that lacks a text gives the English one.

    Args:
        by_language: language code to sections (`fruits`, `descriptions`, ...) to texts by id.
    """

    def __init__(self, by_language: Mapping[str, Mapping[str, Any]]) -> None:
        self.by_language = by_language

    def language(self, lang: str) -> str:
        """Return the language that answers `lang`: itself, its base (`fr-CA` gives `fr`), or English."""
        base = lang.replace("_", "-").split("-")[0].lower()
        return base if base in self.by_language else FALLBACK

    def find(self, section: str, key: str, lang: str) -> tuple[str, str] | None:
        """Return the text and its language, or None when English lacks it too."""
        for language in (self.language(lang), FALLBACK):
            text = self.by_language[language].get(section, {}).get(key)
            if text is not None:
                return text, language
        return None

    def text(self, section: str, key: str, lang: str) -> dict[str, str] | None:
        """Return `{"text", "lang"}`, or None when there is no such text."""
        found = self.find(section, key, lang)
        return {"text": found[0], "lang": found[1]} if found else None

    def get(self, section: str, key: str, lang: str) -> str:
        """Return the bare text, or a readable form of `key` when there is none."""
        found = self.find(section, key, lang)
        return found[0] if found else readable(key)

    def single(self, key: str, lang: str) -> dict[str, str]:
        """Return `{"text", "lang"}` of a text that stands alone, such as `co2_method`."""
        language = self.language(lang)
        if key not in self.by_language[language]:
            language = FALLBACK
        return {"text": self.by_language[language][key], "lang": language}

    def other_names(self, key: str, lang: str) -> list[str]:
        """Return the plural and the synonyms of a fruit or variety in a language that we have."""
        words = self.by_language[lang]
        plural = words.get("plurals", {}).get(key)
        return [*([plural] if plural else []), *words.get("synonyms", {}).get(key, [])]
