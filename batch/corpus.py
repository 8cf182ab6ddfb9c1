"""Lists the photographs of a corpus: where each lies, how to notice that it changed, and what its folder says
it shows.

Plain paths, `file://` and `s3://` are listed through obstore. Every other address (`hdfs://` ...) goes
through Spark's `binaryFile`, which leaves out names that begin with `_` or `.`. The photos themselves are not
opened here; what is an image is found out by content later.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple

import obstore
from obstore.exceptions import BaseError

from models.errors import CorpusError, LocationInvalid, LocationMissing, SettingsError
from models.labels import LabelRules
from models.locations import Location, S3Options, open_location
from models.masking import reason, refuse_secrets
from models.records import Label

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Reader = Literal["auto", "obstore", "hadoop"]

LABELS_FILE = "labels.csv"
NOT_IMAGES = frozenset(
    {".txt", ".csv", ".tsv", ".json", ".md", ".rst", ".xml", ".html", ".css", ".js", ".py", ".ipynb", ".yaml"}
    | {".yml", ".ini", ".log", ".sh", ".pdf", ".zip", ".tar", ".gz", ".7z", ".db", ".parquet", ".npy", ".npz"}
    | {".h5", ".tflite", ".mp4", ".mov", ".avi"}
)
_LISTED_AT_ONCE = 1_000
_SHOWN_NAMES = 10


@dataclass(frozen=True, slots=True)
class CorpusPhoto:
    """One file of a corpus that may be a photo.

    Attributes:
        path: below the corpus root, separated by `/`.
        corpus: canonical address of the corpus root.
        size: bytes.
        stamp: changes when the file does: ETag on S3, time of last change elsewhere (ns since 1970).
        label: what its folder says it shows.
    """

    path: str
    corpus: str
    size: int
    stamp: str
    label: Label


@dataclass(frozen=True)
class Listing:
    """A listed corpus.

    Attributes:
        corpus: canonical address of the root.
        photos: sorted by path.
        new_fruits: fruit ids made from folder names that nobody knows, sorted.
        skipped: files passed over because they are hidden, `labels.csv`, or no images by their extension.
    """

    corpus: str
    photos: tuple[CorpusPhoto, ...]
    new_fruits: tuple[str, ...] = ()
    skipped: int = 0

    @cached_property
    def counts(self) -> dict[str, int]:
        """Photos by fruit id, most first."""
        return dict(Counter(photo.label.fruit for photo in self.photos).most_common())


class _File(NamedTuple):
    path: str
    size: int
    stamp: str


class _Files(NamedTuple):
    """What lies below a root, and the text of its labels.csv if there is one."""

    corpus: str
    files: list[_File]
    labels_csv: str | None


def list_photos(
    uri: str,
    s3: S3Options = S3Options(),
    *,
    rules: LabelRules,
    strict_labels: bool = False,
    reader: Reader = "auto",
    spark: "SparkSession | None" = None,
) -> Listing:
    """List the photos of one corpus.

    Args:
        uri: folder of folders of photos: a plain path, `file://`, `s3://`, or any address that Hadoop reads.
        s3: how S3 is reached.
        rules: folder -> label; a `labels.csv` at the root of the corpus goes before them.
        strict_labels: refuse folders that nobody knows.
        reader: `hadoop` sends `file:` addresses too through Spark's `binaryFile`.
        spark: needed for that route only.

    Raises:
        CorpusError: the corpus is missing, empty, unreadable or holds no photo, or its labels.csv is wrong.
        SettingsError: `strict_labels`, and there are folders that nobody knows.
        LocationInvalid: the address carries a password, keys or a signature.
        RegionRefused, StoreUnavailable: S3 is outside the European Union or does not answer.
    """
    refuse_secrets(uri, "the corpus")
    found = _through_hadoop(uri, spark) if uses_hadoop(uri, reader) else _through_obstore(uri, s3)
    candidates = [file for file in _without_folder_markers(found.files) if _may_be_photo(file.path)]
    if not candidates:
        emptiness = f"has no photo among its {len(found.files)} files" if found.files else "is empty"
        raise CorpusError(
            f"The corpus {uri} {emptiness}; expected folders of photos, one folder for each fruit."
        )
    if found.labels_csv is not None:
        rules = rules.with_labels_csv(found.labels_csv)
    listing = _labelled(found.corpus, candidates, rules, len(found.files) - len(candidates))
    if strict_labels and listing.new_fruits:
        names = ", ".join(listing.new_fruits[:_SHOWN_NAMES])
        raise SettingsError(
            f"The corpus {uri} has {len(listing.new_fruits)} folder names that nobody knows ({names}): "
            f"map them in a {LABELS_FILE} at its root, or leave --strict-labels out."
        )
    return listing


def uses_hadoop(uri: str, reader: Reader = "auto") -> bool:
    """Tell whether a corpus is read by Spark's `binaryFile` rather than by obstore."""
    if reader != "auto":
        return reader == "hadoop"
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):/", uri)
    return scheme is not None and scheme[1].lower() not in ("file", "s3")


def image_ids(photos: Sequence[CorpusPhoto]) -> list[str]:
    """Name each photo as answers show it: `phone/Apple/Granny-Smith/12`, unique over all corpora.

    The name of the corpus root, then the path without its suffix; roots of one name are numbered in the order
    in which they come (`phone-2`), and files that differ by the suffix only keep it.
    """
    roots: dict[str, str] = {}
    for corpus in dict.fromkeys(photo.corpus for photo in photos):
        roots[corpus] = _unused_name(corpus.rstrip("/").rsplit("/", 1)[-1], roots.values())
    full = [str(PurePosixPath(roots[photo.corpus], photo.path)) for photo in photos]
    short = [str(PurePosixPath(name).with_suffix("")) for name in full]
    times = Counter(short)
    ids = [brief if times[brief] == 1 else name for brief, name in zip(short, full, strict=True)]
    return ids if len(set(ids)) == len(set(full)) else full


def _unused_name(name: str, taken: Iterable[str]) -> str:
    names, number, candidate = set(taken), 1, name
    while candidate in names:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _labelled(corpus: str, files: Iterable[_File], rules: LabelRules, skipped: int) -> Listing:
    root = corpus.rstrip("/").rsplit("/", 1)[-1]
    labels: dict[str, tuple[Label, bool]] = {}
    photos = []
    for file in sorted(files):
        folder = file.path.rpartition("/")[0]
        if folder not in labels:
            labels[folder] = rules.label(folder, root)
        photos.append(CorpusPhoto(file.path, corpus, file.size, file.stamp, labels[folder][0]))
    new_fruits = sorted({label.fruit for label, known in labels.values() if not known})
    return Listing(corpus, tuple(photos), tuple(new_fruits), skipped)


def _may_be_photo(path: str) -> bool:
    """Pass over hidden files and folders, and what is no image by its extension."""
    parts = path.split("/")
    if any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return False
    return PurePosixPath(parts[-1]).suffix.lower() not in NOT_IMAGES


def _without_folder_markers(files: Sequence[_File]) -> Iterator[_File]:
    """Drop the empty objects that S3 tools create to make a prefix look like a folder."""
    folders = {
        str(parent) for file in files if "/" in file.path for parent in PurePosixPath(file.path).parents
    }
    return (
        file for file in files if file.size or (PurePosixPath(file.path).suffix and file.path not in folders)
    )


def _through_obstore(uri: str, s3: S3Options) -> _Files:
    try:
        location = open_location(uri, s3)
        pages = obstore.list(location.objects, chunk_size=_LISTED_AT_ONCE)
        files = [
            _File(entry["path"], entry["size"], _stamp(location, entry["e_tag"], entry["last_modified"]))
            for page in pages
            for entry in page
        ]
        has_labels = any(file.path == LABELS_FILE for file in files)
        labels_csv = bytes(obstore.get(location.objects, LABELS_FILE).bytes()) if has_labels else None
    except (LocationMissing, LocationInvalid) as error:
        raise CorpusError(f"The corpus cannot be read: {error}") from error
    except BaseError as error:
        raise CorpusError(f"The corpus {uri} cannot be listed: {reason(error)}") from error
    return _Files(location.uri, files, _text(labels_csv, uri))


def _stamp(location: Location, e_tag: str | None, changed: datetime) -> str:
    """Time of change for local files, whose ETag holds an inode number that a restored copy would not
    keep.
    """
    if location.folder is None and e_tag:
        return e_tag
    return str(round(changed.timestamp() * 1_000_000) * 1_000)


def _through_hadoop(uri: str, spark: "SparkSession | None") -> _Files:
    if spark is None:
        raise SettingsError(f"{uri} is read through Hadoop, which needs a Spark session.")
    from batch.hadoop import list_files, read_file  # Spark: only who has a session pays for it

    corpus, entries = list_files(spark, uri)
    files = [_File(*entry) for entry in entries]
    has_labels = any(file.path == LABELS_FILE for file in files)
    return _Files(
        corpus, files, _text(read_file(spark, f"{corpus}/{LABELS_FILE}") if has_labels else None, uri)
    )


def _text(data: bytes | None, uri: str) -> str | None:
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"The {LABELS_FILE} of {uri} is not UTF-8 text: {error}") from error
