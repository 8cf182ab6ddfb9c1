"""Folder path -> fruit and variety: the catalogue's aliases, or a corpus' own `labels.csv`."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Self

from models.errors import CatalogueError, CorpusError
from models.records import NOT_FRUIT, Label

_ALIAS_COLUMNS = ["alias", "fruit", "variety"]
_LABELS_COLUMNS = ["folder", "fruit", "variety"]
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

PathKey = tuple[str, ...]


def slug(text: str) -> str:
    """Turn a folder name into an id: `Dekopon (large)` -> `dekopon-large`."""
    return re.sub(r"[\W_]+", "-", text.casefold()).strip("-")


def _key(path: str) -> PathKey:
    """Normalise a path for matching: components without case and separators."""
    components = (re.sub(r"[\W_]+", "", part.casefold()) for part in path.split("/"))
    return tuple(part for part in components if part)


def _without_trailing_number(path: str) -> str:
    """Drop the specimen number that Fruits-360 puts behind a name: `Golden 2` -> `Golden`."""
    return re.sub(r"[\s_-]+\d+$", "", path)


@dataclass(frozen=True)
class LabelRules:
    """How the folders of a corpus map to labels.

    Attributes:
        aliases: normalised run of path components -> label; the longest run of a path's last components wins.
        folders: normalised whole folder path -> label, from the corpus' `labels.csv`; wins over aliases.
    """

    aliases: Mapping[PathKey, Label]
    folders: Mapping[PathKey, Label] = field(default_factory=dict)

    @classmethod
    @cache
    def default(cls) -> Self:
        """Load the catalogue's aliases."""
        text = files("models.facts").joinpath("aliases.csv").read_text("utf-8")
        return cls(aliases=dict(_read(text, _ALIAS_COLUMNS, CatalogueError, "aliases.csv")))

    def with_labels_csv(self, text: str) -> "LabelRules":
        """Add a corpus' own mapping.

        Raises:
            CorpusError: a wrong header, an id that is not a slug, or a variety of another fruit.
        """
        return LabelRules(self.aliases, dict(_read(text, _LABELS_COLUMNS, CorpusError, "labels.csv")))

    def find(self, folder: str, root: str = "") -> Label | None:
        """Label of a folder, or None when nobody knows it.

        Args:
            folder: path below the corpus root, '/'-separated; empty for photos that lie in the root itself.
            root: name of the corpus root: it counts as negative if it is `not_fruit`, and names the photos
                that lie directly in it.
        """
        parts = _key(folder)
        if parts in self.folders:
            return self.folders[parts]
        if NOT_FRUIT.replace("_", "") in (*parts, *_key(root)):
            return Label(NOT_FRUIT)
        for path in (folder or root, _without_trailing_number(folder or root)):
            components = _key(path)
            for start in range(len(components)):
                if components[start:] in self.aliases:
                    return self.aliases[components[start:]]
        return None

    def label(self, folder: str, root: str = "") -> tuple[Label, bool]:
        """Label of a folder, and whether somebody knew it; an unknown folder becomes a fruit with its own
        name.
        """
        known = self.find(folder, root)
        if known is not None:
            return known, True
        name = slug((folder or root).rsplit("/", 1)[-1])
        return Label(name or "unnamed"), False


def _read(
    text: str, columns: Sequence[str], error: type[CatalogueError] | type[CorpusError], name: str
) -> Iterable[tuple[PathKey, Label]]:
    reader = csv.DictReader(StringIO(text.lstrip("\ufeff")))
    if list(reader.fieldnames or []) != list(columns):
        raise error(
            f"{name} must begin with the line {','.join(columns)!r}, but begins with {text.splitlines()[:1]}."
        )
    for line, row in enumerate(reader, start=2):
        yield _key(row[columns[0]] or ""), _checked_label(row, error, f"{name} line {line}")


def _checked_label(
    row: Mapping[str, str | None], error: type[CatalogueError] | type[CorpusError], where: str
) -> Label:
    fruit, variety = (row["fruit"] or "").strip(), (row["variety"] or "").strip()
    if fruit == NOT_FRUIT and not variety:
        return Label(NOT_FRUIT)
    if not _SLUG.fullmatch(fruit):
        raise error(f"{where}: expected a fruit id such as 'passion-fruit', got {fruit!r}.")
    if not variety:
        return Label(fruit)
    full = variety if "/" in variety else f"{fruit}/{variety}"
    owner, _, own = full.partition("/")
    if owner != fruit or not _SLUG.fullmatch(own):
        raise error(f"{where}: expected a variety of {fruit!r} such as '{fruit}/red', got {variety!r}.")
    return Label(fruit, full)
