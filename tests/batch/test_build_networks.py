"""The network of a build is found by name or file."""

from pathlib import Path

import keras
import pytest

from batch.networks import find_network
from models.backbones import networks
from models.embedder import Embedder, network_hash
from models.errors import NetworkError


def test_fruitnet_is_that_of_the_default_bundle(default_bundle: Path) -> None:
    found = find_network("fruitnet", None, None)

    assert found.data == (default_bundle / "network.tflite").read_bytes()
    assert found.name.startswith("fruitnet-")


def test_a_file_is_called_by_its_name(tiny_network: bytes, tmp_path: Path) -> None:
    (tmp_path / "own-3.tflite").write_bytes(tiny_network)
    found = find_network(str(tmp_path / "own-3.tflite"), None, None)
    described = found.describe(Embedder.load(found.data))

    assert (found.name, described["input_size"]) == ("own-3", 32)
    assert described["sha256"] == network_hash(tiny_network)


def test_mobilenet_v2_is_exported_from_a_weights_file(tmp_path: Path) -> None:
    keras.utils.set_random_seed(11)
    source = networks.mobilenet_v2(224)
    networks.body_of(source).save_weights(tmp_path / "mobilenet.weights.h5")
    embedder = Embedder.load(find_network("mobilenet_v2", None, str(tmp_path / "mobilenet.weights.h5")).data)

    assert (embedder.input_size, embedder.d_cnn) == (224, 1280)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save_weights(path)

    with pytest.raises(NetworkError, match=r"does not hold the weights of keras\.applications"):
        find_network("mobilenet_v2", None, str(path))


@pytest.mark.parametrize("content", [b"", b"no network", b"\x1c\x00\x00\x00TFL3" + bytes(64)])
def test_a_file_that_is_no_network_is_refused(content: bytes) -> None:
    with pytest.raises(NetworkError, match="Expected a LiteRT network"):
        Embedder.load(content)


def test_a_missing_tensor_is_refused_with_those_that_look_like_features(default_bundle: Path) -> None:
    with pytest.raises(NetworkError, match=r"has no tensor 'pool'; those that look like features: "):
        Embedder.load((default_bundle / "network.tflite").read_bytes(), "pool")
