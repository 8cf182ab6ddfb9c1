"""The networks by name, from uint8 photos to pooled features; each holds its own preprocessing.

MobileNetV2: Sandler et al. 2018, https://arxiv.org/abs/1801.04381, as `keras.applications` builds it
    (Apache-2.0).
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from models.backbones.quick_layers import quicken
from models.backbones.unfold import unfold
from models.errors import NetworkError

BATCH_NORM_MOMENTUM = 0.98
"""Keras' MobileNetV2 keeps 0.999, whose statistics lag behind a training of a few thousand steps."""


def mobilenet_v2(input_size: int) -> keras.Model:
    """Build MobileNetV2 without its classifier, with random weights.

    Args:
        input_size: side of the square photo in pixels.

    Returns:
        Model from uint8 or float (n, input_size, input_size, 3) RGB in 0..255 to float32 (n, 1280) pooled
        features.
    """
    photo = keras.Input((input_size, input_size, 3), name="photo")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="preprocessing")(photo)
    body = quicken(
        keras.applications.MobileNetV2(
            input_shape=(input_size, input_size, 3), include_top=False, weights=None, pooling="avg"
        )
    )
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = BATCH_NORM_MOMENTUM
    features = keras.layers.Activation("linear", dtype="float32", name="embedding")(body(scaled))
    return keras.Model(photo, features, name="mobilenet_v2")


def with_views(network: keras.Model, views: Sequence[str]) -> keras.Model:
    """Let a network look at one photo in several ways and give the mean of what it sees.

    Args:
        network: from `mobilenet_v2`.
        views: names of `VIEWS`.

    Returns:
        Model from (1, size, size, 3) RGB in 0..255 to float32 (1, 1280).

    Raises:
        NetworkError: an unknown view, or none.
    """
    if not views or (unknown := sorted(set(views) - set(VIEWS))):
        named = ", ".join(unknown) if views else "none"
        raise NetworkError(f"Expected views among {', '.join(VIEWS)}, but got {named}.")
    photo = keras.Input(batch_shape=(1, *network.input_shape[1:]), name="photo")
    seen = keras.ops.concatenate([VIEWS[view](photo) for view in views], axis=0)
    mean = keras.ops.mean(network(seen), axis=0, keepdims=True)
    return keras.Model(photo, mean, name=network.name)


def _mirrored(photo: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.flip(photo, axis=2)


def _mirrored_middle(photo: keras.KerasTensor) -> keras.KerasTensor:
    size = photo.shape[1]
    margin = round(size * (1 - _MIDDLE_SHARE) / 2)
    middle = photo[:, margin : size - margin, margin : size - margin]
    return _mirrored(keras.ops.image.resize(middle, (size, size), interpolation="bilinear"))


_MIDDLE_SHARE = 0.75
VIEWS: Mapping[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "whole": lambda photo: photo,
    "mirrored": _mirrored,
    "mirrored-middle": _mirrored_middle,
}
"""What a view makes of a photo: all of it, its mirror image, that of the middle 75 % of each side.

Beside the whole, the middle is worth more than the mirror image of the whole where fruit is far away, and
costs the same (docs/accuracy.md)."""


def body_of(network: keras.Model) -> keras.Model:
    """The convolutional part inside the wrapper that holds the preprocessing."""
    return next(layer for layer in network.layers if isinstance(layer, keras.Model))


def initialise(network: keras.Model, init: str, calibration: npt.NDArray[np.uint8] | None = None) -> None:
    """Load start weights into a network.

    Args:
        network: from `mobilenet_v2`.
        init: `imagenet` (fetched by keras.applications), a `.weights.h5` of keras.applications' MobileNetV2
            without top, an int8 `.tflite` of it, a `.npz` that `save_weights` wrote, or `none`.
        calibration: uint8 photos (n, size, size, 3); needed with a `.tflite`, to set its batch statistics.

    Raises:
        NetworkError: the file is missing or of another network, or the hub cannot be reached.
    """
    if init == "none":
        return
    body = body_of(network)
    if init == "imagenet":
        _load_from_hub(body)
        return
    path = Path(init)
    if not path.is_file():
        raise NetworkError(
            f"Expected imagenet, none or a weights file (.tflite, .npz, .h5) to start from, but {init!r} "
            "does not exist."
        )
    if path.suffix == ".tflite":
        if calibration is None:
            raise NetworkError(
                "A .tflite start needs photos to set its batch statistics from; none were given."
            )
        unfold(path.read_bytes(), body, calibration)
    elif path.suffix == ".npz":
        load_weights(network, path)
    else:
        _load_file(body, path)


def _load_from_hub(body: keras.Model) -> None:
    try:
        source = keras.applications.MobileNetV2(
            input_shape=(224, 224, 3), include_top=False, weights="imagenet", pooling="avg"
        )
    except Exception as error:  # Keras wraps every transport failure in a bare Exception
        raise NetworkError(
            "The ImageNet weights could not be fetched by keras.applications. Give a local file instead: "
            f"--weights FILE.h5 (MobileNetV2, alpha 1.0, no top) or an int8 FILE.tflite. Cause: {error}"
        ) from error
    body.set_weights(source.get_weights())


def _load_file(body: keras.Model, path: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what is missing is named by the error that follows
            body.load_weights(path)
    except (ValueError, OSError) as error:
        raise NetworkError(
            f"{path} does not hold the weights of keras.applications' MobileNetV2 (alpha 1.0, without top): "
            f"{error}"
        ) from error


@dataclass(frozen=True)
class Head:
    """The linear classifier on the embedding that a training ended with.

    Attributes:
        classes: one name a column.
        kernel, bias: float32 (features, classes) and (classes,).
    """

    classes: tuple[str, ...]
    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


def save_weights(network: keras.Model, path: Path, head: Head | None = None) -> None:
    """Write the weights, and those of a classifier, as one float16 file to train on from."""
    arrays = {
        f"{position:03d}": weight.astype(np.float16) for position, weight in enumerate(network.get_weights())
    }
    if head is not None:
        arrays |= {"head_kernel": head.kernel.astype(np.float16), "head_bias": head.bias.astype(np.float16)}
        arrays["head_classes"] = np.array(head.classes)
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_weights(network: keras.Model, path: Path) -> None:
    """Read what `save_weights` wrote.

    Raises:
        NetworkError: the file belongs to a network of another shape.
    """
    with np.load(path, allow_pickle=False) as file:
        weights = [
            file[name].astype(np.float32) for name in sorted(file.files) if not name.startswith("head_")
        ]
    expected = [weight.shape for weight in network.get_weights()]
    found = [weight.shape for weight in weights]
    if expected != found:
        raise NetworkError(
            f"{path} holds {len(found)} arrays of another network; expected {len(expected)} of "
            f"{network.name}."
        )
    network.set_weights(weights)


def load_head(path: Path) -> Head | None:
    """Read the classifier that `save_weights` wrote, if it wrote one."""
    with np.load(path, allow_pickle=False) as file:
        if "head_kernel" not in file.files:
            return None
        classes = tuple(str(name) for name in file["head_classes"])
        return Head(classes, file["head_kernel"].astype(np.float32), file["head_bias"].astype(np.float32))
