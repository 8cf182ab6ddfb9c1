"""Networks are built, started, exported and run: Keras and LiteRT see the same in a photo."""

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from batch.synthetic import render_corpus
from models import photo
from models.backbones import networks
from models.backbones.export import calibration_photos, export_float, export_int8, export_mobilenet_v2
from models.embedder import Embedder
from models.errors import CorpusError, NetworkError
from models.pretrained import DEFAULT_WEIGHTS

SIZE = 64


def photos(count: int, size: int = SIZE) -> np.ndarray:
    chance = np.random.default_rng(3)
    coarse = chance.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC)) for one in coarse]
    )


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A seeded random MobileNetV2 with the batch statistics of its own activations."""
    keras.utils.set_random_seed(5)
    network = networks.mobilenet_v2(SIZE)
    norms = [layer for layer in networks.body_of(network).layers if hasattr(layer, "momentum")]
    for layer in norms:
        layer.momentum = 0.0
    network(photos(48), training=True)
    return network


@pytest.fixture(scope="module")
def features(network: keras.Model) -> np.ndarray:
    return np.asarray(network(photos(12), training=False))


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def test_the_float_export_gives_keras_features(network: keras.Model, features: np.ndarray) -> None:
    embedder = Embedder.load(export_float(network))

    assert (embedder.input_size, embedder.d_cnn) == (SIZE, 1280)
    np.testing.assert_allclose(embedder.embed(photos(12)), features, atol=2e-4)


def test_a_byte_of_the_input_means_its_own_value_in_int8(network: keras.Model) -> None:
    dull = (photos(8) // 4 + 90).astype(np.uint8)
    embedder = Embedder.load(export_int8(network, dull))

    assert embedder.input_scale == pytest.approx((1.0, 0), rel=1e-3)


def test_a_network_averages_what_it_sees_in_several_views(network: keras.Model) -> None:
    whole, mirrored = photos(1), photos(1)[:, :, ::-1]
    both = networks.with_views(network, ["whole", "mirrored"])
    expected = (np.asarray(network(whole)) + np.asarray(network(mirrored))) / 2

    np.testing.assert_allclose(both(whole), expected, atol=1e-4)
    np.testing.assert_allclose(both(mirrored), expected, atol=1e-4)
    np.testing.assert_allclose(Embedder.load(export_float(both)).embed(whole), expected, atol=2e-4)


def test_the_mirrored_middle_is_what_lies_within_an_eighth_of_each_side(network: keras.Model) -> None:
    framed = photos(1)
    size = framed.shape[1]
    margin = size // 8
    middle = framed[:, margin : size - margin, margin : size - margin]
    scaled = keras.ops.image.resize(middle.astype(np.float32), (size, size), interpolation="bilinear")
    expected = np.asarray(network(np.asarray(scaled)[:, :, ::-1]))
    looking = networks.with_views(network, ["mirrored-middle"])

    other_edges = framed.copy()
    other_edges[:, :margin] = 255 - other_edges[:, :margin]

    np.testing.assert_allclose(looking(framed), expected, atol=1e-4)
    np.testing.assert_allclose(looking(other_edges), expected, atol=1e-4)
    assert np.abs(expected - np.asarray(network(framed))).max() > 1e-2


@pytest.mark.parametrize("views", [[], ["whole", "sideways"]])
def test_unknown_views_are_refused(network: keras.Model, views: list[str]) -> None:
    with pytest.raises(NetworkError, match="Expected views among whole, mirrored, mirrored-middle, but got"):
        networks.with_views(network, views)


def test_saved_weights_start_another_network(
    network: keras.Model, features: np.ndarray, tmp_path: Path
) -> None:
    networks.save_weights(network, tmp_path / "weights.npz")
    other = networks.mobilenet_v2(SIZE)
    networks.initialise(other, str(tmp_path / "weights.npz"))

    assert (tmp_path / "weights.npz").stat().st_size < 5_000_000
    assert cosine(np.asarray(other(photos(12), training=False)), features).min() > 0.998


def test_keras_weights_files_start_a_network(
    network: keras.Model, features: np.ndarray, tmp_path: Path
) -> None:
    networks.body_of(network).save_weights(tmp_path / "body.weights.h5")
    other = networks.mobilenet_v2(SIZE)
    networks.initialise(other, str(tmp_path / "body.weights.h5"))

    np.testing.assert_allclose(np.asarray(other(photos(12), training=False)), features, atol=1e-5)


def test_mobilenet_v2_is_written_from_a_weights_file(network: keras.Model, tmp_path: Path) -> None:
    networks.body_of(network).save_weights(tmp_path / "body.weights.h5")
    export_mobilenet_v2(str(tmp_path / "body.weights.h5"), tmp_path / "mobilenet_v2.tflite", input_size=SIZE)

    assert Embedder.load((tmp_path / "mobilenet_v2.tflite").read_bytes()).d_cnn == 1280


@pytest.mark.parametrize("name", ["missing.npz", "other.weights.h5", "other.npz", "other.tflite"])
def test_a_start_that_does_not_fit_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "other.npz":
        with path.open("wb") as file:
            np.savez(file, a=np.zeros(3))
    elif name == "other.weights.h5":
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save_weights(path)
    elif name == "other.tflite":
        path.write_bytes(
            export_float(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]))
        )

    with pytest.raises(NetworkError):
        networks.initialise(networks.mobilenet_v2(SIZE), str(path), photos(2))


@pytest.fixture(scope="module")
def shipped(default_bundle: Path) -> Embedder:
    return Embedder.load((default_bundle / "network.tflite").read_bytes())


@pytest.fixture(scope="module")
def rendered(shipped: Embedder, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("rendered")
    render_corpus(folder, photos_per_fruit=1, negatives=4, seed=3)
    paths = sorted(folder.rglob("*.jpg"))
    return np.stack([photo.fit(photo.decode(path.read_bytes()).pixels, shipped.input_size) for path in paths])


def shipped_views(network: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Give the features of photos as the shipped network sees them: the mean with their mirror images."""
    return (np.asarray(network(pixels)) + np.asarray(network(pixels[:, :, ::-1]))) / 2


def test_keras_and_the_shipped_network_agree_on_photos(shipped: Embedder, rendered: np.ndarray) -> None:
    network = networks.mobilenet_v2(shipped.input_size)
    networks.initialise(network, str(DEFAULT_WEIGHTS))

    agreement = cosine(shipped.embed(rendered), shipped_views(network, rendered))
    assert np.median(agreement) > 0.97
    assert agreement.min() > 0.9


def test_the_shipped_network_unfolds_into_a_start(
    shipped: Embedder, default_bundle: Path, rendered: np.ndarray
) -> None:
    network = networks.mobilenet_v2(shipped.input_size)
    networks.initialise(network, str(default_bundle / "network.tflite"), rendered)
    unfolded = np.asarray(network(rendered, training=False))

    assert np.median(cosine(shipped.embed(rendered), shipped_views(network, rendered))) > 0.97
    assert np.median(cosine(np.asarray(network(rendered, training=True)), unfolded)) > 0.97


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind in ("phone", "web"):
        for number, pixels in enumerate(photos(6, 48)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / kind / f"{number}.png")
    (tmp_path / "web" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    return tmp_path


def test_calibration_photos_come_from_every_kind_and_broken_ones_are_passed_over(folder: Path) -> None:
    assert calibration_photos(folder, 32, count=8).shape == (8, 32, 32, 3)
    (folder / "empty").mkdir()
    with pytest.raises(CorpusError, match="none that can be read"):
        calibration_photos(folder / "empty", 32)
