"""A real Spark session, a tiny real network and small corpora."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from batch.corpus import CorpusPhoto, list_photos
from batch.session import start_session
from models.labels import LabelRules
from models.records import Label

NETWORK_SIDE_PX = 32
NETWORK_FEATURES = 24


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Give one session on two cores; its Python workers hold credentials that only a test server accepts."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Python 3.12 warns of a fork while other threads run, which pyspark does to start the JVM.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        session = start_session("local[2]", "fruits-tests", driver_memory="1g")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def tiny_network() -> bytes:
    """Export a seeded random network: uint8 (n, 32, 32, 3) to float32 (n, 24)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

        tf.keras.utils.set_random_seed(7)
        layers = tf.keras.layers
        network = tf.keras.Sequential(
            [
                tf.keras.Input((NETWORK_SIDE_PX, NETWORK_SIDE_PX, 3), dtype="uint8"),
                layers.Rescaling(1 / 127.5, -1),
                layers.Conv2D(12, 3, strides=2, activation="relu"),
                layers.Conv2D(NETWORK_FEATURES, 3, strides=2, activation="relu"),
                layers.GlobalAveragePooling2D(),
            ]
        )
        return bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())


@pytest.fixture
def rules() -> LabelRules:
    """Give the mapping of a catalogue that knows two fruits."""
    return LabelRules(
        {
            ("apple",): Label("apple"),
            ("pear",): Label("pear"),
            ("granny",): Label("apple", "apple/granny"),
        }
    )


def paint(path: Path, seed: int, size: tuple[int, int] = (48, 40)) -> Path:
    """Write a JPEG of coarse random colours, its folders with it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, format="JPEG", quality=92)
    return path


def spoil_a_vector(shard: Path) -> None:
    """Turn over the last byte of the vectors of a shard."""
    with pq.ParquetFile(shard) as file:
        group = file.metadata.row_group(0)
        columns = [group.column(place) for place in range(group.num_columns)]
    vectors = next(column for column in columns if column.path_in_schema.startswith("embedding"))
    data = bytearray(shard.read_bytes())
    data[vectors.data_page_offset + vectors.total_compressed_size - 1] ^= 0xFF
    shard.write_bytes(data)


@pytest.fixture
def orchard(tmp_path: Path) -> Path:
    """Give a corpus of 8 apples and 6 pears."""
    for number in range(8):
        paint(tmp_path / "orchard" / "apple" / f"{number}.jpg", number)
    for number in range(6):
        paint(tmp_path / "orchard" / "pear" / f"{number}.jpg", 100 + number)
    return tmp_path / "orchard"


@pytest.fixture
def orchard_photos(orchard: Path, rules: LabelRules) -> tuple[CorpusPhoto, ...]:
    """Give the listing of that corpus."""
    return list_photos(str(orchard), rules=rules).photos
