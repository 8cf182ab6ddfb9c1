"""A shard is trusted only where it belongs: under its own name, and among those of its own network."""

from pathlib import Path

from pyspark.sql import SparkSession

from batch.corpus import CorpusPhoto
from tests.torture.broken_features import spoil_features


def test_shards_of_another_network_or_of_other_photos_are_noticed_and_made_again(
    spark: SparkSession, tiny_network: bytes, orchard_photos: tuple[CorpusPhoto, ...], tmp_path: Path
) -> None:
    kinds = ("another network's", "one over another")
    came = spoil_features(spark, orchard_photos, tiny_network, tmp_path, rounds=1, kinds=kinds)
    assert (came.wrong, came.rebuilt) == (0, len(kinds))
