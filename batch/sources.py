"""Everything that a build starts from: the photos of all corpora, their ids and whom to credit."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError

from batch.corpus import CorpusPhoto, image_ids, list_photos, uses_hadoop
from batch.settings import BuildSettings
from models.errors import CorpusError
from models.labels import LabelRules
from models.locations import open_location
from models.masking import reason

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CREDITS_FILE = "credits.csv"


@dataclass(frozen=True)
class Sources:
    """Listed corpora.

    Attributes:
        photos: of all corpora.
        images: image id of each photo.
        credits: whom to name beside each photo.
        corpora: addresses of the roots.
        new_fruits: ids made from folder names that nobody knows.
        skipped: files that are no photos by their name.
    """

    photos: tuple[CorpusPhoto, ...]
    images: tuple[str, ...]
    credits: tuple[str, ...]
    corpora: tuple[str, ...]
    new_fruits: tuple[str, ...]
    skipped: int

    @property
    def counts(self) -> Mapping[str, int]:
        """Photos by fruit id."""
        return Counter(photo.label.fruit for photo in self.photos)

    def select(self, rows: Sequence[int]) -> "Sources":
        """The photos at the given positions alone, in that order."""
        return replace(
            self,
            photos=tuple(self.photos[row] for row in rows),
            images=tuple(self.images[row] for row in rows),
            credits=tuple(self.credits[row] for row in rows),
        )


def find_sources(settings: BuildSettings, spark: "SparkSession | None") -> Sources:
    """List every corpus of a build.

    Raises:
        CorpusError: one is missing, empty or without photos, or its credits.csv is malformed.
        SettingsError: `strict_labels`, and there are folders that nobody knows.
    """
    rules = LabelRules.default()
    listings = [
        list_photos(
            uri,
            settings.s3,
            rules=rules,
            strict_labels=settings.strict_labels,
            reader=settings.reader,
            spark=spark,
        )
        for uri in dict.fromkeys(settings.corpora)
    ]
    photos = tuple(photo for listing in listings for photo in listing.photos)
    credited = {
        listing.corpus: _credits(listing.corpus, _credits_file(uri, listing.corpus, settings, spark))
        for listing, uri in zip(listings, dict.fromkeys(settings.corpora), strict=True)
    }
    return Sources(
        photos,
        tuple(image_ids(photos)),
        tuple(_credit(photo, credited[photo.corpus]) for photo in photos),
        tuple(listing.corpus for listing in listings),
        tuple(sorted({fruit for listing in listings for fruit in listing.new_fruits})),
        sum(listing.skipped for listing in listings),
    )


def _credits_file(
    uri: str, corpus: str, settings: BuildSettings, spark: "SparkSession | None"
) -> bytes | None:
    """Read `credits.csv` at the root of a corpus, by the way that its photos go; None where there is none."""
    if spark is not None and uses_hadoop(uri, settings.reader):
        from batch.hadoop import read_file  # Spark: only who has a session pays for it

        return read_file(spark, f"{corpus}/{CREDITS_FILE}")
    try:
        return bytes(obstore.get(open_location(uri, settings.s3).objects, CREDITS_FILE).bytes())
    except FileNotFoundError:
        return None
    except BaseError as error:
        raise CorpusError(
            f"{CREDITS_FILE} of {uri} cannot be read: {reason(error)}. "
            "Try again, or check that the credentials in use may read it."
        ) from error


def _credits(corpus: str, data: bytes | None) -> Mapping[str, str]:
    """Parse `credits.csv`: folder (empty for all) -> credit."""
    if data is None:
        return {}
    try:
        rows = csv.DictReader(StringIO(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise CorpusError(f"The {CREDITS_FILE} of {corpus} is not UTF-8 text: {error}") from error
    if list(rows.fieldnames or []) != ["folder", "credit"]:
        raise CorpusError(
            f"{CREDITS_FILE} of {corpus} must begin with the line 'folder,credit', but begins with "
            f"{rows.fieldnames}."
        )
    return {(row["folder"] or "").strip("/"): row["credit"] or "" for row in rows}


def _credit(photo: CorpusPhoto, credited: Mapping[str, str]) -> str:
    folders: Sequence[str] = photo.path.split("/")[:-1]
    for end in range(len(folders), -1, -1):
        if (own := credited.get("/".join(folders[:end]))) is not None:
            return own
    return ""
