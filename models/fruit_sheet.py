"""Lays out everything that is known about one fruit, each figure with its source, in one language."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from models.catalogue_words import Words
from models.keeping_sheet import ripening, storage
from models.nutrition_sheet import nutrition

Json = dict[str, Any]
AGRIBALYSE_PAGE = "https://agribalyse.ademe.fr/app/aliments/"
TOPICS = ("nutrition", "season", "co2", "storage", "ripening", "handling", "diversity")


class SheetWriter:
    """Writes the sheets of one catalogue in one language.

    Args:
        figures: the figures with their table of sources.
        words: the texts.
        lang: a language that `words` has.
    """

    def __init__(self, figures: Mapping[str, Any], words: Words, lang: str) -> None:
        self.figures, self.words, self.lang = figures, words, lang
        self.sources: Mapping[str, Json] = figures["sources"]

    def topics(self, fruit: str) -> Json:
        """Return the sourced topics of a fruit; a topic that no row supports is None."""
        entry = self.figures["fruits"][fruit]
        writers: dict[str, Callable[[str, Mapping[str, Any]], Json]] = {
            "nutrition": self._nutrition,
            "season": self._season,
            "co2": self._co2,
            "storage": lambda _, facts: storage(facts, self.words, self.lang),
            "ripening": lambda fruit, facts: ripening(fruit, facts, self.words, self.lang),
            "handling": self._handling,
            "diversity": self._diversity,
        }
        return {topic: writers[topic](fruit, entry[topic]) if topic in entry else None for topic in TOPICS}

    def missing(self, topics: Mapping[str, object]) -> tuple[list[str], str | None]:
        """Return the topics without a sourced figure and the sentence that says so."""
        absent = [topic for topic in TOPICS if topics[topic] is None and topic != "handling"]
        if not absent:
            return [], None
        names = ", ".join(self.words.get("topics", topic, self.lang) for topic in absent)
        return absent, self.words.get("phrases", "no_sourced_figure", self.lang).format(topics=names)

    def taxonomy(self, fruit: str) -> Json | None:
        """Return the scientific classification with links to GBIF by key and by name."""
        entry = self.figures["fruits"][fruit]
        if "taxonomy" not in entry:
            return None
        taxon = entry["taxonomy"]
        key, name = taxon.get("gbif_key"), taxon.get("gbif_name", entry["scientific_name"])
        nameless = name.endswith("hybrid")
        return {
            "full_name": taxon["full_name"],
            "family": taxon["family"],
            "order": taxon["order"],
            "gbif_key": key,
            "gbif_url": f"https://www.gbif.org/species/{key}" if key else None,
            "gbif_search_url": None if nameless else f"https://www.gbif.org/species/search?q={quote(name)}",
            "note": self.words.text("taxonomy_notes", fruit, self.lang),
            "sources": taxon["sources"],
        }

    def cautions(self, cautions: Iterable[Mapping[str, str]]) -> list[Json]:
        """Return cautions with their text, citation and address."""
        return [
            {
                "id": caution["id"],
                "type": caution["type"],
                "severity": caution["severity"],
                "confidence": caution["confidence"],
                **(self.words.text("cautions", caution["id"], self.lang) or {}),
                "source": self.sources[caution["source"]]["text"],
                "url": self.sources[caution["source"]]["url"],
            }
            for caution in cautions
        ]

    def cited(self, sheet: object) -> Json:
        """Return the entries of the table of sources that `sheet` names, by key."""
        keys = set(_source_keys(sheet))
        return {key: dict(source) for key, source in self.sources.items() if key in keys}

    def _nutrition(self, fruit: str, record: Mapping[str, Any]) -> Json:
        note = self.words.text("nutrition_notes", fruit, self.lang)
        return {**nutrition(record, self.sources, self.words, self.lang), "note": note}

    def _season(self, fruit: str, season: Mapping[str, Any]) -> Json:
        kind = "imported" if season.get("imported") else "market"
        note_id = fruit if self.words.find("season_notes", fruit, self.lang) else kind
        return {
            "country": "FR",
            "months": season["months"],
            "imported": kind == "imported",
            "note": self.words.text("season_notes", note_id, self.lang),
            "source": season["source"],
        }

    def _co2(self, fruit: str, co2: Mapping[str, Any]) -> Json:
        """The fruit's own row in front; None in front where rows differ too much to choose one."""
        rows: list[Json] = [
            {
                "id": row.get("id", fruit),
                "name": self.words.get(*self._co2_name(fruit, row), self.lang),
                "kg_co2e_per_kg": row["kg_co2e_per_kg"],
                "stages": row["stages"],
                "url": AGRIBALYSE_PAGE + row["page"] if "page" in row else None,
                "source": co2["source"],
            }
            for row in co2["rows"]
        ]
        first = None if co2.get("no_single_figure") else rows[0]
        return {
            "kg_co2e_per_kg": first["kg_co2e_per_kg"] if first else None,
            "stages": first["stages"] if first else None,
            "url": first["url"] if first else None,
            "variants": rows if len(rows) > 1 else [],
            "method": self.words.single("co2_method", self.lang),
            "note": self.words.text("co2_notes", fruit, self.lang),
            "source": co2["source"],
        }

    def _co2_name(self, fruit: str, row: Mapping[str, Any]) -> tuple[str, str]:
        return ("co2_rows", f"{fruit}/{row['id']}") if "id" in row else ("fruits", fruit)

    def _handling(self, fruit: str, handling: Mapping[str, Any]) -> Json:
        return {
            **(self.words.text("handling", fruit, self.lang) or {}),
            "sensitive_to": [
                {"id": damage, "name": self.words.get("sensitivities", damage, self.lang)}
                for damage in handling.get("sensitive_to", [])
            ],
            "maturity": self.words.text("maturity", fruit, self.lang),
            "source": handling["source"],
        }

    def _diversity(self, fruit: str, diversity: Mapping[str, Any]) -> Json:
        d = diversity
        released = {"count": d.get("varieties_released"), "years": d.get("release_years")}
        genebank = {k: d.get(f"genebank_accessions_{k}") for k in ("species", "genus")}
        threat = self.words.text("threats", fruit, self.lang) if "threat_source" in d else None
        cultivars = self.words.text("cultivars", fruit, self.lang) if "cultivar_sources" in d else None
        return {
            "crop": d.get("crop"),
            "regions": [self.words.get("regions", region, self.lang) for region in d.get("regions", [])],
            "varieties_released": released if "varieties_released" in d else None,
            "genebank_accessions": genebank if any(v is not None for v in genebank.values()) else None,
            "svalbard_accessions": d.get("svalbard_accessions_species"),
            "source": d.get("source"),
            "threatened_wild_relatives": {**threat, "source": d["threat_source"]} if threat else None,
            "cultivars": {**cultivars, "sources": d["cultivar_sources"]} if cultivars else None,
        }


def _source_keys(node: object, key: str = "") -> Iterable[str]:
    """Every source key below `node`, those quoted inside published wording (`HB68: 0 C`) included."""
    if isinstance(node, Mapping):
        for name, child in node.items():
            yield from _source_keys(child, "as_published" if key == "as_published" else name)
    elif isinstance(node, list | tuple):
        for child in node:
            yield from _source_keys(child, key)
    elif isinstance(node, str) and key.endswith("as_published"):
        yield from re.findall(r"[A-Z]{3,}\d*|[A-Z]{2}\d\d", node)
    elif isinstance(node, str) and key.endswith(("source", "sources")):
        yield node
