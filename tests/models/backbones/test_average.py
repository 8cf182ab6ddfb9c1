"""Weights of several trainings become their mean, and only those that belong together."""

from pathlib import Path

import numpy as np
import pytest

from models.backbones import networks
from models.backbones.average import average, main
from models.errors import NetworkError

CLASSES = ("apple", "pear")


def weights_file(path: Path, level: float, classes: tuple[str, ...] = CLASSES) -> Path:
    network = networks.mobilenet_v2(32)
    network.set_weights([np.full_like(array, level) for array in network.get_weights()])
    kernel = np.full((1280, len(classes)), level, np.float32)
    networks.save_weights(network, path, networks.Head(classes, kernel, np.full(len(classes), -level)))
    return path


def test_every_weight_and_the_classifier_become_the_mean(tmp_path: Path) -> None:
    files = [weights_file(tmp_path / f"{level}.npz", level) for level in (0.25, 0.5, 1.5)]
    out = tmp_path / "out.npz"

    assert main(["--weights", ",".join(map(str, files)), "--out", str(out)]) == 0

    network = networks.mobilenet_v2(32)
    networks.load_weights(network, out)
    assert all((array == 0.75).all() for array in network.get_weights())
    head = networks.load_head(out)
    assert head is not None
    assert head.classes == CLASSES
    assert (head.kernel == 0.75).all()
    assert (head.bias == -0.75).all()


def test_one_file_is_no_average(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="Expected two or more weights files to average, but got 1"):
        average([weights_file(tmp_path / "one.npz", 0.5)], tmp_path / "out.npz")


def test_other_classes_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    files = [weights_file(tmp_path / "a.npz", 0.5), weights_file(tmp_path / "b.npz", 0.5, ("apple", "plum"))]

    with pytest.raises(NetworkError, match=r"b\.npz tells 2 other classes apart"):
        average(files, tmp_path / "out.npz")

    assert not (tmp_path / "out.npz").exists()


def test_weights_without_a_classifier_are_refused(tmp_path: Path) -> None:
    bare = tmp_path / "bare.npz"
    networks.save_weights(networks.mobilenet_v2(32), bare)

    with pytest.raises(NetworkError, match=r"bare\.npz holds no classifier"):
        average([bare, bare], tmp_path / "out.npz")


def test_a_missing_file_ends_with_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    there = weights_file(tmp_path / "there.npz", 0.5)

    assert main(["--weights", f"{there},{tmp_path / 'gone.npz'}", "--out", str(tmp_path / "out.npz")]) == 1

    assert "gone.npz" in caplog.text
