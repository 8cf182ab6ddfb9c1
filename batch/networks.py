"""Finds the network that a build was asked for, by name or file."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.bundle import read_manifest
from models.embedder import Embedder, network_hash
from models.errors import NetworkError
from models.pretrained import DEFAULT_BUNDLE

_PREPROCESSING = (
    "uint8 RGB in, scaled inside the network; photos are trimmed of white bars, cropped to at most 4:3 and "
    "squeezed into a square"
)


@dataclass(frozen=True)
class Network:
    """A network file and what it is called.

    Attributes:
        name: as answers name it.
        data: the `.tflite`.
        feature_tensor: tensor to read; the output if None.
    """

    name: str
    data: bytes
    feature_tensor: str | None = None

    def describe(self, embedder: Embedder) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "name": self.name,
            "sha256": network_hash(self.data),
            "input_size": embedder.input_size,
            "feature_tensor": self.feature_tensor,
            "preprocessing": _PREPROCESSING,
        }


def find_network(name: str, feature_tensor: str | None, weights: str | None) -> Network:
    """Read a network.

    Args:
        name: `fruitnet` (of the default bundle), `mobilenet_v2` (through keras.applications; needs
            TensorFlow), or a `.tflite` file.
        feature_tensor: for a file.
        weights: for `mobilenet_v2`, instead of the hub.

    Raises:
        NetworkError: no such name or file, or its weights cannot be had.
    """
    if name == "fruitnet":
        manifest = read_manifest(DEFAULT_BUNDLE)
        return Network(
            str(manifest.network["name"]), (DEFAULT_BUNDLE / "network.tflite").read_bytes(), feature_tensor
        )
    if name == "mobilenet_v2":
        return Network(name, _export_mobilenet_v2(weights), feature_tensor)
    path = Path(name)
    if not path.is_file():
        raise NetworkError(
            f"Expected fruitnet, mobilenet_v2 or a .tflite file as network, but there is no file {name!r}."
        )
    return Network(path.stem, path.read_bytes(), feature_tensor)


def _export_mobilenet_v2(weights: str | None) -> bytes:
    try:
        from models.backbones.export import (
            export_mobilenet_v2,
        )  # TensorFlow: only who asks for it pays for it
    except ModuleNotFoundError as error:
        raise NetworkError(
            "The network mobilenet_v2 is exported by TensorFlow, which is not installed: pip install -r "
            "requirements/train.txt, "
            "or give a .tflite file."
        ) from error
    with tempfile.TemporaryDirectory(prefix="fruits-network-") as folder:
        path = Path(folder, "mobilenet_v2.tflite")
        export_mobilenet_v2(weights or "imagenet", path)
        return path.read_bytes()
