"""The classic way to embed photos: Keras `predict` inside a pandas UDF of Spark.

Run as a program it exports the very network that the UDF runs: `python -m tests.bench.keras_udf FILE.tflite`.
"""

import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.pandas.functions import pandas_udf

from models.photo import decode, fit

SIDE_PX = 224
SEED = 7
_TASKS = 4


@lru_cache(maxsize=1)
def _network() -> Any:
    """Make MobileNetV2 with seeded random weights: as fast as trained ones, which lie on a hub."""
    import keras

    from models.backbones.networks import mobilenet_v2

    keras.utils.set_random_seed(SEED)
    return mobilenet_v2(SIDE_PX)


def _predict(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
    network = _network()
    for contents in batches:
        framed = np.stack([fit(decode(bytes(content)).pixels, SIDE_PX) for content in contents])
        yield pd.Series(list(network.predict(framed, batch_size=32, verbose=0)))


def embed_folder(spark: SparkSession, folder: Path, out: Path) -> None:
    """Embed the photos of a folder into parquet: columns path, embedding."""
    # pyspark's types do not know the kind that it takes from the hints of the function.
    predict = pandas_udf(_predict, "array<float>")  # type: ignore[call-overload]
    photos = spark.read.format("binaryFile").load(str(folder)).repartition(_TASKS)
    photos.select("path", predict("content").alias("embedding")).write.parquet(str(out))


def export(path: Path) -> None:
    """Write the network as LiteRT file in float32."""
    from models.backbones.export import export_float

    path.write_bytes(export_float(_network()))


if __name__ == "__main__":
    export(Path(sys.argv[1]))
