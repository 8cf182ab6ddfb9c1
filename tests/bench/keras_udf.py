"""The course's way to embed photos on Spark: an iterator pandas UDF that makes the network once a partition,
gives it broadcast weights, and runs it on the photos of one Arrow batch after another.

The classic is Keras' MobileNetV2 at 224 px; the same UDF also runs our network, in Keras and from its LiteRT
file. Run as a program it writes the classic network, as weights and as LiteRT file of float32:
`python -m tests.bench.keras_udf WEIGHTS.npz NETWORK.tflite`.
"""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image
from pyspark.sql import SparkSession
from pyspark.sql.pandas.functions import pandas_udf

from models.embedder import Embedder
from models.photo import decode, fit
from tests.bench.sessions import CORES

SIDE_PX = 224
SEED = 7
PARTITION_PHOTOS = 417
"""10,000 photos in the 24 partitions of the course; fewer photos get fewer partitions, so that the share of
time that goes into making networks stays the same. There are never fewer partitions than cores: a warm-up
reaches every worker, and no core stands idle."""

Pixels = npt.NDArray[Any]
Predict = Callable[[Pixels], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Recipe:
    """What the UDF runs.

    Attributes:
        make: gives what predicts, from `weights`; called once a partition.
        frame: turns the bytes of a photo into what the network takes.
        weights: broadcast to the workers.
    """

    make: Callable[[bytes], Predict]
    frame: Callable[[bytes], Pixels]
    weights: bytes


def classic(weights: bytes) -> Recipe:
    """MobileNetV2 in Keras at 224 px; each photo squeezed into a square."""
    return Recipe(_classic_network, _squeezed, weights)


def ours_in_keras(weights: bytes, side_px: int) -> Recipe:
    """Our network in Keras: what it sees in a photo and in its mirror image, averaged."""
    return Recipe(_Ours(side_px), _Framed(side_px), weights)


def ours_in_litert(network: bytes, side_px: int) -> Recipe:
    """Our network from the file that a build runs."""
    return Recipe(_litert_network, _Framed(side_px), network)


def embed_folder(spark: SparkSession, folder: Path, out: Path, recipe: Recipe) -> None:
    """Embed the photos of a folder into parquet: columns path, embedding."""
    weights = spark.sparkContext.broadcast(recipe.weights)

    def predict(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        run = recipe.make(weights.value)
        for contents in batches:
            yield pd.Series(list(run(np.stack([recipe.frame(bytes(content)) for content in contents]))))

    # pyspark's types do not know the kind that it takes from the hints of the function.
    udf = pandas_udf(predict, "array<float>")  # type: ignore[call-overload]
    photos = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(str(folder))
    count = sum(1 for path in folder.rglob("*") if path.is_file())
    parted = photos.repartition(max(CORES, round(count / PARTITION_PHOTOS)))
    parted.select("path", udf("content").alias("embedding")).write.parquet(str(out))
    weights.destroy()


def squeezed(data: bytes) -> npt.NDArray[np.uint8]:
    """Frame a photo as the course does: uint8 (224, 224, 3)."""
    with Image.open(io.BytesIO(data)) as photo:
        return np.asarray(photo.convert("RGB").resize((SIDE_PX, SIDE_PX)))


def _squeezed(data: bytes) -> Pixels:
    return squeezed(data).astype(np.float32) / 127.5 - 1


def _body() -> Any:
    import keras

    shape = (SIDE_PX, SIDE_PX, 3)
    return keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=None, pooling="avg")


def _classic_network(weights: bytes) -> Predict:
    network = _body()
    network.set_weights(_arrays(weights))
    return lambda framed: np.asarray(network.predict(framed, verbose=0))


@dataclass(frozen=True)
class _Ours:
    side_px: int

    def __call__(self, weights: bytes) -> Predict:
        import keras

        from models.backbones.networks import mobilenet_v2

        one = mobilenet_v2(self.side_px)
        one.set_weights(_arrays(weights))
        photo = keras.Input((self.side_px, self.side_px, 3))
        network = keras.Model(photo, (one(photo) + one(keras.ops.flip(photo, axis=2))) / 2)
        return lambda framed: np.asarray(network.predict(framed, verbose=0))


@dataclass(frozen=True)
class _Framed:
    side_px: int

    def __call__(self, data: bytes) -> Pixels:
        return fit(decode(data).pixels, self.side_px)


def _litert_network(network: bytes) -> Predict:
    return Embedder.load(network).embed


def _arrays(weights: bytes) -> list[npt.NDArray[np.float32]]:
    with np.load(io.BytesIO(weights), allow_pickle=False) as file:
        names = sorted(name for name in file.files if not name.startswith("head_"))
        return [file[name].astype(np.float32) for name in names]


def write_classic(weights: Path, network: Path) -> None:
    """Write MobileNetV2 with seeded random weights: as fast as trained ones, which lie on a hub."""
    import keras

    from models.backbones.export import export_float

    keras.utils.set_random_seed(SEED)
    body = _body()
    arrays = {f"{place:03d}": array for place, array in enumerate(body.get_weights())}
    np.savez(weights, **arrays)
    photo = keras.Input((SIDE_PX, SIDE_PX, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(photo)
    network.write_bytes(export_float(keras.Model(photo, body(scaled))))


if __name__ == "__main__":
    write_classic(Path(sys.argv[1]), Path(sys.argv[2]))
