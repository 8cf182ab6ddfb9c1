"""Export a Keras network to one LiteRT file that takes uint8 photos and holds its own preprocessing.

python -m models.backbones.export --weights stage2/weights.npz --input-size 160 --photos DIR --out
fruitnet-3.tflite
"""

import argparse
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models import photo
from models.backbones import networks
from models.errors import CorpusError, FruitsError, PhotoError

_log = logging.getLogger(__name__)
CALIBRATION_PHOTOS = 240


def export_float(network: keras.Model) -> bytes:
    """Convert to float32 weights and arithmetic.

    Args:
        network: from `networks`, with float32 policy.

    Returns:
        A `.tflite` from uint8 (1, size, size, 3) to float32 (1, features).
    """
    entrance = keras.Input(batch_shape=network.input_shape, dtype="uint8", name="photo")
    whole = keras.Model(entrance, network(keras.ops.cast(entrance, "float32")))
    return bytes(tf.lite.TFLiteConverter.from_keras_model(whole).convert())


def export_int8(network: keras.Model, calibration: npt.NDArray[np.uint8]) -> bytes:
    """Convert to int8 weights and arithmetic.

    Args:
        network: from `networks`, with float32 policy.
        calibration: uint8 (n, size, size, 3) photos of every kind: they set the range of each layer.

    Returns:
        A `.tflite` from uint8 (1, size, size, 3) to float32 (1, features).
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _representative(calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.float32
    return bytes(converter.convert())


def _representative(calibration: npt.NDArray[np.uint8]) -> Iterator[list[npt.NDArray[np.float32]]]:
    """Photos one at a time; the first is made to span 0..255, so that a byte of the input means its own
    value.
    """
    for row, pixels in enumerate(calibration):
        values = pixels[None].astype(np.float32)
        if row == 0:
            values[0, 0, 0], values[0, 0, 1] = 0.0, 255.0
        yield [values]


def export_mobilenet_v2(weights: str, path: Path, input_size: int = 224) -> None:
    """Write the classic recipe's network.

    Args:
        weights: `imagenet`, `none`, or a file that `networks.initialise` takes.
        path: of the `.tflite` to write.
        input_size: side of the photo in pixels.

    Raises:
        NetworkError: the weights cannot be had.
    """
    network = networks.mobilenet_v2(input_size)
    networks.initialise(network, weights)
    path.write_bytes(export_float(network))


def calibration_photos(
    root: Path, size: int, count: int = CALIBRATION_PHOTOS, seed: int = 1
) -> npt.NDArray[np.uint8]:
    """Frame a sample of the photos below a folder, as many of each first-level folder.

    Returns:
        uint8 (n, size, size, 3).

    Raises:
        CorpusError: no readable photo there.
    """
    chance = np.random.default_rng(seed)
    kinds = sorted(path for path in root.iterdir() if path.is_dir()) or [root]
    framed = []
    for kind in kinds:
        files = sorted(path for path in kind.rglob("*") if path.is_file())
        for position in chance.permutation(len(files))[: -(-count // len(kinds))]:
            try:
                framed.append(photo.fit(photo.decode(files[position].read_bytes()).pixels, size))
            except PhotoError:
                continue
    if not framed:
        raise CorpusError(
            f"Expected photos below {root} to set the int8 ranges with, but found none that can be read."
        )
    return np.stack(framed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Export trained weights; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models.backbones.export", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--weights", required=True, help="FILE.npz of a training, or imagenet")
    parser.add_argument("--input-size", type=int, required=True, help="side of the input in pixels")
    parser.add_argument(
        "--photos", type=Path, help="folder of folders of photos, for int8 ranges; float32 without"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="the .tflite to write; its name becomes the network's"
    )
    parser.add_argument(
        "--views",
        default="whole",
        metavar="VIEW,VIEW",
        help=f"what the network looks at, then averages: {', '.join(networks.VIEWS)} (default: whole)",
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        network = networks.mobilenet_v2(given.input_size)
        networks.initialise(network, given.weights)
        network = networks.with_views(network, given.views.split(","))
        data = (
            export_int8(network, calibration_photos(given.photos, given.input_size))
            if given.photos
            else export_float(network)
        )
    except FruitsError as error:
        _log.error("%s", error)
        return 1
    given.out.write_bytes(data)
    _log.info("%s: %.1f MB", given.out, len(data) / 1e6)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
