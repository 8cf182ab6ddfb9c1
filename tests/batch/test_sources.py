"""The credits of a corpus on S3, and what is said when they cannot be read."""

from pathlib import Path
from typing import Any

import obstore
import pytest

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
