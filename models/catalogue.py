"""What the product knows about fruits: names, look-alikes, and facts that each carry their source.

Figures lie in `facts/figures.json`, words in `facts/words.<language>.json`. A bundle carries both as one
file, so that an answer never depends on another version of the facts.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from models.catalogue_check import check
from models.catalogue_words import Words, readable, search_form
from models.errors import CatalogueError
from models.fruit_sheet import SheetWriter
from models.name_search import Name, NameKind, NameSearch
from models.records import NOT_FRUIT

FACTS = Path(__file__).parent / "facts"
Json = dict[str, Any]


class Catalogue:
    """Read-only facts about fruits, safe to share between threads.

    Args:
        figures: content of `figures.json`.
        words: content of the `words.*.json`, by language.

    Raises:
        CatalogueError: a figure lacks its source, a name is missing or an id is unknown.
    """

    def __init__(self, figures: Mapping[str, Any], words: Mapping[str, Mapping[str, Any]]) -> None:
        self._figures, self._words = figures, Words(words)
        try:
            check(figures, self._words)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CatalogueError(f"catalogue: missing or misshapen field ({error!r})") from error
        self.languages: tuple[str, ...] = tuple(figures["languages"])
        families = {family: tuple(members) for family, members in figures["families"].items()}
        self.families: Mapping[str, tuple[str, ...]] = MappingProxyType(families)
        self._family_of = {fruit: family for family, members in families.items() for fruit in members}
        self._varieties: dict[str, list[str]] = {fruit: [] for fruit in figures["fruits"]}
        for variety in figures["varieties"]:
            self._varieties[variety.split("/")[0]].append(variety)
        self._search = NameSearch(name for fruit in figures["fruits"] for name in self._names(fruit))
        # Sheets as JSON, by fruit and language: reading one again is many times faster than laying it out.
        self._sheets: dict[tuple[str, str], str] = {}

    @classmethod
    def default(cls) -> Self:
        """Read the catalogue that comes with the product."""
        figures = json.loads((FACTS / "figures.json").read_text(encoding="utf-8"))
        words = {
            path.name.split(".")[1]: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(FACTS.glob("words.*.json"))
        }
        return cls(figures, words)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            CatalogueError: not JSON, or not a catalogue.
        """
        try:
            content = json.loads(text)
            return cls(content["figures"], content["words"])
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise CatalogueError(f"catalogue: expected the JSON of a catalogue ({error!r})") from error

    def to_json(self) -> str:
        """Return the whole catalogue as one JSON text; the same catalogue gives the same bytes."""
        content = {"figures": self._figures, "words": self._words.by_language}
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"

    @property
    def fruit_ids(self) -> tuple[str, ...]:
        """All fruit ids, sorted."""
        return tuple(sorted(self._figures["fruits"]))

    @property
    def variety_ids(self) -> tuple[str, ...]:
        """All variety ids, sorted."""
        return tuple(sorted(self._figures["varieties"]))

    def with_fruits(self, fruit_ids: Iterable[str], variety_ids: Iterable[str] = ()) -> Self:
        """Return a catalogue that also names these fruits and varieties, without facts where it has none.

        Raises:
            CatalogueError: a variety id is not of the form `fruit/variety`.
        """
        varieties = sorted(set(variety_ids) - set(self._figures["varieties"]))
        wanted = {*fruit_ids, *(variety.split("/")[0] for variety in varieties)} - {NOT_FRUIT}
        fruits = sorted(wanted - set(self._figures["fruits"]))
        if not fruits and not varieties:
            return self
        figures = {
            **self._figures,
            "fruits": {**self._figures["fruits"], **{fruit: {} for fruit in fruits}},
            "varieties": sorted([*self._figures["varieties"], *varieties]),
        }
        new = {"fruits": {i: readable(i) for i in fruits}, "varieties": {i: readable(i) for i in varieties}}
        words = {
            lang: {**sections, **{name: {**sections[name], **ids} for name, ids in new.items()}}
            for lang, sections in self._words.by_language.items()
        }
        return type(self)(figures, words)

    def name(self, id: str, lang: str) -> str:
        """Return the name of a fruit, variety or family in `lang`; a readable form of an unknown id."""
        if id in self._figures["fruits"]:
            return self._words.get("fruits", id, lang)
        return self._words.get("varieties" if "/" in id else "families", id, lang)

    def scientific_name(self, fruit: str) -> str | None:
        """Return the scientific name without its author, None when none is known."""
        entry: Json = self._figures["fruits"].get(fruit, {})
        return entry.get("scientific_name")

    def family_of(self, fruit: str) -> str | None:
        """Return the id of the look-alike group of a fruit, None when it looks like no other."""
        return self._family_of.get(fruit)

    def general_cautions(self, lang: str) -> list[Json]:
        """Return the cautions that go with every answer, also one without a fruit."""
        return self._writer(lang).cautions(self._figures["general_cautions"])

    def fruit(self, fruit: str, lang: str) -> Json | None:
        """Return everything known about a fruit, None for an unknown id.

        A topic that no source supports is None, and listed in `no_sourced_figure` if it is one of figures.
        Every figure names its source by a key of `sources`. Texts say their language in `lang`, English where
        the asked language has none. Each call gives a sheet of its own.
        """
        if fruit not in self._figures["fruits"]:
            return None
        key = fruit, self._words.language(lang)
        if key not in self._sheets:
            self._sheets[key] = json.dumps(self._sheet(*key))
        sheet: Json = json.loads(self._sheets[key])
        return sheet

    def _sheet(self, fruit: str, lang: str) -> Json:
        writer = self._writer(lang)
        topics = writer.topics(fruit)
        missing, sentence = writer.missing(topics)
        own = self._figures["fruits"][fruit].get("cautions", [])
        sheet: Json = {
            "id": fruit,
            "name": self.name(fruit, lang),
            "lang": lang,
            "scientific_name": self.scientific_name(fruit),
            "taxonomy": writer.taxonomy(fruit),
            "look_alikes": self._look_alikes(fruit, lang),
            "varieties": [self._variety(variety, lang) for variety in self._varieties[fruit]],
            "description": self._words.text("descriptions", fruit, lang),
            **topics,
            "cautions": writer.cautions([*own, *self._figures["general_cautions"]]),
            "cautions_note": self._words.single("cautions_note", lang),
            "no_sourced_figure": missing,
            "no_sourced_figure_text": sentence,
        }
        return {**sheet, "sources": writer.cited(sheet)}

    def fruits(self, lang: str, query: str = "") -> list[Json]:
        """Return id, name and scientific name of all fruits by name, or of those that `query` finds.

        Args:
            lang: language of the names.
            query: a name in any language, of a variety or of the scientific name, or a part of one; accents,
                case and a few typing mistakes do not count. The best match comes first.
        """
        found = self._search.find(query, self._words.language(lang)) if query.strip() else self._by_name(lang)
        return [
            {"id": fruit, "name": self.name(fruit, lang), "scientific_name": self.scientific_name(fruit)}
            for fruit in found
        ]

    def _by_name(self, lang: str) -> list[str]:
        return sorted(self._figures["fruits"], key=lambda fruit: (search_form(self.name(fruit, lang)), fruit))

    def _writer(self, lang: str) -> SheetWriter:
        return SheetWriter(self._figures, self._words, self._words.language(lang))

    def _look_alikes(self, fruit: str, lang: str) -> Json | None:
        family = self.family_of(fruit)
        if family is None:
            return None
        others = [other for other in self.families[family] if other != fruit]
        return {
            "family": {"id": family, "name": self.name(family, lang)},
            "fruits": [{"id": other, "name": self.name(other, lang)} for other in others],
        }

    def _variety(self, variety: str, lang: str) -> Json:
        about = self._words.text("variety_descriptions", variety, lang)
        return {"id": variety, "name": self.name(variety, lang), "description": about}

    def _names(self, fruit: str) -> Iterable[Name]:
        """Every name by which a fruit may be looked for."""
        yield Name(fruit, fruit, NameKind.SCIENTIFIC, None)
        yield Name(self.scientific_name(fruit) or fruit, fruit, NameKind.SCIENTIFIC, None)
        for lang in self._words.by_language:
            yield Name(self.name(fruit, lang), fruit, NameKind.NAME, lang)
            for other in self._words.other_names(fruit, lang):
                yield Name(other, fruit, NameKind.OTHER_NAME, lang)
            for variety in self._varieties[fruit]:
                for name in (self.name(variety, lang), *self._words.other_names(variety, lang)):
                    yield Name(name, fruit, NameKind.VARIETY, lang)
