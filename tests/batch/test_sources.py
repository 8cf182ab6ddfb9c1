"""The credits of a corpus, on S3 or through Hadoop, and what is said when they cannot be read."""

from pathlib import Path
from typing import Any

import obstore
import pytest
from pyspark.sql import SparkSession

from batch.settings import BuildSettings
from batch.sources import find_sources
from models.errors import CorpusError
from models.locations import open_location


@pytest.fixture
def corpus(s3_server: Any) -> str:
    """Give a corpus of two photos, one of them credited by its folder."""
    uri = s3_server.new_bucket("photos")
    objects = open_location(uri, s3_server.options).objects
    for path in ("apple/1.jpg", "pear/1.jpg"):
        obstore.put(objects, path, b"photo")
    obstore.put(objects, "credits.csv", b"folder,credit\n,everybody\npear,Ada\n")
    return str(uri)


def test_photos_on_s3_are_credited_by_the_nearest_folder(s3_server: Any, corpus: str, tmp_path: Path) -> None:
    settings = BuildSettings(corpora=(corpus,), store=str(tmp_path), s3=s3_server.options)
    assert find_sources(settings, None).credits == ("everybody", "Ada")


def test_credits_that_cannot_be_read_are_an_error_and_not_taken_for_none(
    s3_server: Any, corpus: str, tmp_path: Path
) -> None:
    with s3_server.flaky() as (flaky, through):
        settings = BuildSettings(corpora=(corpus,), store=str(tmp_path), s3=through)
        flaky.spoil("slow_down", "GET", "credits.csv", times=1000)
        with pytest.raises(CorpusError, match=r"credits\.csv of s3://.* cannot be read.*Try again"):
            find_sources(settings, None)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Give a folder of two photos that says in files of its own what they show and who took them."""
    for path in ("box7/1.jpg", "pear/1.jpg"):
        (tmp_path / "market" / path).parent.mkdir(parents=True)
        (tmp_path / "market" / path).write_bytes(b"photo")
    (tmp_path / "market" / "labels.csv").write_text("folder,fruit,variety\nbox7,plum,mirabelle\n", "utf-8")
    (tmp_path / "market" / "credits.csv").write_text("folder,credit\n,everybody\npear,Zoë\n", "utf-8")
    return tmp_path / "market"


@pytest.mark.parametrize("reader", ["auto", "hadoop"])
def test_labels_and_credits_at_the_root_of_a_corpus_are_read_by_either_reader(
    market: Path, reader: Any, spark: SparkSession, tmp_path: Path
) -> None:
    settings = BuildSettings(corpora=(market.as_uri(),), store=str(tmp_path), reader=reader)
    found = find_sources(settings, spark)
    assert [photo.label.variety for photo in found.photos] == ["plum/mirabelle", None]
    assert found.credits == ("everybody", "Zoë")
    assert (found.new_fruits, found.skipped) == ((), 2)


@pytest.mark.parametrize("reader", ["auto", "hadoop"])
def test_a_corpus_without_credits_names_nobody(
    market: Path, reader: Any, spark: SparkSession, tmp_path: Path
) -> None:
    (market / "credits.csv").unlink()
    settings = BuildSettings(corpora=(market.as_uri(),), store=str(tmp_path), reader=reader)
    assert find_sources(settings, spark).credits == ("", "")


@pytest.mark.parametrize("reader", ["auto", "hadoop"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"file,author\n", "must begin with the line 'folder,credit'"),
        ("folder,credit\npear,Zoë\n".encode("latin-1"), "is not UTF-8 text"),
    ],
    ids=["other columns", "no text"],
)
def test_credits_that_are_malformed_are_an_error(
    market: Path, reader: Any, content: bytes, complaint: str, spark: SparkSession, tmp_path: Path
) -> None:
    (market / "credits.csv").write_bytes(content)
    settings = BuildSettings(corpora=(market.as_uri(),), store=str(tmp_path), reader=reader)
    with pytest.raises(CorpusError, match=complaint):
        find_sources(settings, spark)
