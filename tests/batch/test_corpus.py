"""A corpus is listed as it lies, and refused in plain words when nothing can be built from it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from batch.corpus import CorpusPhoto, Listing, Reader, image_ids, list_photos, uses_hadoop
from models.errors import CorpusError, LocationInvalid, SettingsError
from models.labels import LabelRules
from models.records import Label
from tests.s3_server import S3Server

ODD_NAMES = ("[x]{y}*?.jpg", "b c#d%20é.jpg", "~t,:|.jpg", "日本.jpg")


def write(root: Path, *paths: str) -> str:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"whatever it is, listing does not open it")
    return str(root)


def paths(listing: Listing) -> list[str]:
    return [photo.path for photo in listing.photos]


def test_photos_come_sorted_with_the_labels_of_their_folders(tmp_path: Path, rules: LabelRules) -> None:
    uri = write(tmp_path / "shop", "pear/2.jpg", "apple/Granny/1.jpg", "apple/9.png", "apple/10.png")
    listing = list_photos(uri, rules=rules)
    assert [(photo.path, photo.label) for photo in listing.photos] == [
        ("apple/10.png", Label("apple")),
        ("apple/9.png", Label("apple")),
        ("apple/Granny/1.jpg", Label("apple", "apple/granny")),
        ("pear/2.jpg", Label("pear")),
    ]
    assert listing.counts == {"apple": 3, "pear": 1}
    assert {photo.corpus for photo in listing.photos} == {listing.corpus} == {uri}
    assert {photo.size for photo in listing.photos} == {40}


def test_what_is_no_photo_by_its_name_is_skipped_and_counted(tmp_path: Path, rules: LabelRules) -> None:
    uri = write(
        tmp_path,
        "apple/1",
        "apple/_DSC1.JPG",
        "apple/.hidden.jpg",
        ".git/x.jpg",
        "__MACOSX/y.jpg",
        "a.CSV",
        "Thumbs.db",
    )
    listing = list_photos(uri, rules=rules)
    assert paths(listing) == ["apple/1", "apple/_DSC1.JPG"]
    assert listing.skipped == 5


def test_the_stamp_follows_the_time_of_change(tmp_path: Path, rules: LabelRules) -> None:
    uri = write(tmp_path, "apple/1.jpg")
    os.utime(tmp_path / "apple" / "1.jpg", ns=(0, 1_700_000_000_123_456_000))
    assert list_photos(uri, rules=rules).photos[0].stamp == "1700000000123456000"


def test_folders_that_nobody_knows_become_fruits_of_their_own_unless_that_is_forbidden(
    tmp_path: Path, rules: LabelRules
) -> None:
    uri = write(tmp_path, "Dekopon/1.jpg", "apple/1.jpg", "yuzu (small)/2.jpg")
    assert list_photos(uri, rules=rules).new_fruits == ("dekopon", "yuzu-small")
    with pytest.raises(SettingsError, match=r"2 folder names that nobody knows \(dekopon, yuzu-small\)"):
        list_photos(uri, rules=rules, strict_labels=True)


def test_a_labels_csv_at_the_root_goes_first(tmp_path: Path, rules: LabelRules) -> None:
    uri = write(tmp_path, "box7/1.jpg", "apple/1.jpg")
    (tmp_path / "labels.csv").write_text("folder,fruit,variety\nbox7,plum,mirabelle\napple,pear,\n", "utf-8")
    listing = list_photos(uri, rules=rules, strict_labels=True)
    assert [photo.label for photo in listing.photos] == [Label("pear"), Label("plum", "plum/mirabelle")]
    assert (listing.new_fruits, listing.skipped) == ((), 1)


def test_a_labels_csv_that_is_no_text_is_refused(tmp_path: Path, rules: LabelRules) -> None:
    uri = write(tmp_path, "apple/1.jpg")
    (tmp_path / "labels.csv").write_bytes(b"folder,fruit,variety\n\xff\xfe,apple,\n")
    with pytest.raises(CorpusError, match=r"labels\.csv .* is not UTF-8 text"):
        list_photos(uri, rules=rules)


def test_a_root_called_not_fruit_is_negative(tmp_path: Path, rules: LabelRules) -> None:
    listing = list_photos(write(tmp_path / "not_fruit", "milk/1.jpg", "apple/1.jpg"), rules=rules)
    assert listing.counts == {"not_fruit": 2}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "does not exist"),
        ([], "is empty"),
        (["a/readme.md", ".x.jpg"], "has no photo among its 2 files"),
    ],
)
def test_a_corpus_without_photos_is_refused(
    tmp_path: Path, rules: LabelRules, content: list[str] | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / "corpus").mkdir()
        write(tmp_path / "corpus", *content)
    with pytest.raises(CorpusError, match=complaint):
        list_photos(str(tmp_path / "corpus"), rules=rules)


def test_a_corpus_that_is_a_file_is_refused(tmp_path: Path, rules: LabelRules) -> None:
    write(tmp_path, "photo.jpg")
    with pytest.raises(CorpusError, match="is a file"):
        list_photos(str(tmp_path / "photo.jpg"), rules=rules)


def test_folders_that_go_round_in_a_circle_are_refused_in_one_line(tmp_path: Path, rules: LabelRules) -> None:
    write(tmp_path, "apple/1.jpg")
    (tmp_path / "apple" / "up").symlink_to(tmp_path)
    with pytest.raises(CorpusError, match="loop") as refusal:
        list_photos(str(tmp_path), rules=rules)
    assert "\n" not in str(refusal.value)


def test_s3_is_listed_below_its_prefix_and_stamped_with_etags(s3_server: S3Server, rules: LabelRules) -> None:
    uri, client = s3_server.new_bucket("fruit/photos"), s3_server.client()
    bucket = uri.split("/")[2]
    client.put_object(Bucket=bucket, Key="fruit/photos/apple/", Body=b"")
    client.put_object(Bucket=bucket, Key="fruit/photos/pear", Body=b"")
    for number in range(30):
        client.put_object(Bucket=bucket, Key=f"fruit/photos/pear/{number:02}.jpg", Body=b"x")
    client.put_object(Bucket=bucket, Key="elsewhere/apple/1.jpg", Body=b"x")
    listing = list_photos(uri, s3_server.options, rules=rules)
    assert (listing.corpus, listing.counts) == (uri, {"pear": 30})
    before = listing.photos[5]
    client.put_object(Bucket=bucket, Key=f"fruit/photos/{before.path}", Body=b"y")
    after = list_photos(uri, s3_server.options, rules=rules).photos[5]
    assert after.stamp != before.stamp
    assert replace(after, stamp=before.stamp) == before


def test_a_missing_bucket_and_an_empty_prefix_are_refused(s3_server: S3Server, rules: LabelRules) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        list_photos("s3://no-such-bucket/photos", s3_server.options, rules=rules)
    with pytest.raises(CorpusError, match="is empty"):
        list_photos(s3_server.new_bucket("photos"), s3_server.options, rules=rules)


def test_hadoop_lists_the_same_photos(spark: SparkSession, tmp_path: Path, rules: LabelRules) -> None:
    uri = write(tmp_path / "c d", *(f"apple/{name}" for name in ODD_NAMES), "box7/1.jpg", "notes.md")
    (tmp_path / "c d" / "labels.csv").write_text("folder,fruit,variety\nbox7,plum,\n", "utf-8")
    own = list_photos(uri, rules=rules)
    through = list_photos(uri, rules=rules, reader="hadoop", spark=spark)
    assert through.corpus == f"file:{uri}"
    assert len(own.photos) == 5
    assert [(p.path, p.size, p.label) for p in through.photos] == [
        (p.path, p.size, p.label) for p in own.photos
    ]
    assert [int(p.stamp) // 1_000_000 for p in through.photos] == [
        int(p.stamp) // 1_000_000 for p in own.photos
    ]
    assert (through.new_fruits, through.skipped) == (own.new_fruits, own.skipped) == ((), 2)


def test_hadoop_refuses_what_is_missing_or_has_no_file_system(
    spark: SparkSession, tmp_path: Path, rules: LabelRules
) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        list_photos(f"file://{tmp_path}/gone", rules=rules, reader="hadoop", spark=spark)
    with pytest.raises(CorpusError, match="No FileSystem for scheme"):
        list_photos("gs://bucket/photos", rules=rules, spark=spark)
    with pytest.raises(
        CorpusError, match=r"hdfs://no-such-host\.invalid/photos cannot be reached .* no-such-host"
    ):
        list_photos("hdfs://no-such-host.invalid/photos", rules=rules, spark=spark)
    with pytest.raises(SettingsError, match="needs a Spark session"):
        list_photos("hdfs:///photos", rules=rules)


@pytest.mark.parametrize(
    ("uri", "reader"),
    [("s3a://b/x", "auto"), ("s3n://b/x", "auto"), ("s3://b/x", "hadoop"), ("S3A://b/x", "hadoop")],
)
def test_hadoop_is_not_a_way_around_the_region_of_a_bucket(
    uri: str, reader: Reader, spark: SparkSession, rules: LabelRules
) -> None:
    with pytest.raises(LocationInvalid, match=r"on S3, .* region .* unchecked. Write s3://bucket/prefix"):
        list_photos(uri, rules=rules, reader=reader, spark=spark)


@pytest.mark.parametrize(
    ("uri", "through_hadoop"),
    [
        ("photos", False),
        ("/data/a:b/photos", False),
        ("file:///photos", False),
        ("s3://bucket/photos", False),
        ("hdfs:///photos", True),
        ("hdfs://name:8020/photos", True),
        ("abfss://c@account/photos", True),
    ],
)
def test_the_scheme_decides_who_reads(uri: str, through_hadoop: bool) -> None:
    assert uses_hadoop(uri) is through_hadoop


def photo(corpus: str, path: str) -> CorpusPhoto:
    return CorpusPhoto(path, corpus, 1, "0", Label("apple"))


def test_image_ids_name_the_root_and_are_unique() -> None:
    photos = [
        photo("/data/phone", "Apple/Granny-Smith/12.jpg"),
        photo("/data/phone", "Apple/a.b.png"),
        photo("/data/phone", "Apple/same.png"),
        photo("/data/phone", "Apple/same.jpg"),
        photo("s3://bucket/phone", "Apple/same.jpg"),
        photo("s3://bucket", "1"),
    ]
    assert image_ids(photos) == [
        "phone/Apple/Granny-Smith/12",
        "phone/Apple/a.b",
        "phone/Apple/same.png",
        "phone/Apple/same.jpg",
        "phone-2/Apple/same",
        "bucket/1",
    ]


def test_image_ids_stay_unique_when_a_name_looks_like_another_without_its_suffix() -> None:
    photos = [photo("/c", "a.jpg.png"), photo("/c", "a.jpg"), photo("/c", "a.png")]
    assert image_ids(photos) == ["c/a.jpg.png", "c/a.jpg", "c/a.png"]
