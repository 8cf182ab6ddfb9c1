"""Average the weights of trainings that went on from one another into one network.

python -m models.backbones.average --weights stage7/weights.npz,stage8/weights.npz --out averaged.npz

The mean of networks that are close to each other is often better than each (Wortsman et al. 2022, "Model
soups", https://arxiv.org/abs/2203.05482), and costs nothing when it answers.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.backbones import networks
from models.errors import FruitsError, NetworkError

_log = logging.getLogger(__name__)


def average(paths: Sequence[Path], out: Path) -> None:
    """Write the mean of all weights, batch statistics and classifiers.

    Args:
        paths: at least two files that `networks.save_weights` wrote, with classifiers of the same classes.
        out: file to write, of the same form.

    Raises:
        NetworkError: fewer than two files, a file that is missing or of another network, or other classes.
    """
    if len(paths) < 2:
        raise NetworkError(f"Expected two or more weights files to average, but got {len(paths)}.")
    network, weights = networks.mobilenet_v2(_ANY_SIZE), []
    heads: list[networks.Head] = []
    for path in paths:
        networks.initialise(network, str(path))
        weights.append(network.get_weights())
        head = networks.load_head(path)
        if head is None or (heads and head.classes != heads[0].classes):
            held = "holds no classifier" if head is None else f"tells {len(head.classes)} other classes apart"
            raise NetworkError(
                f"Expected weights with a classifier of the same classes in all files, but {path} {held}. "
                "Average trainings on the same photos."
            )
        heads.append(head)
    network.set_weights([np.mean(arrays, axis=0) for arrays in zip(*weights, strict=True)])
    kernel = np.mean([head.kernel for head in heads], axis=0)
    bias = np.mean([head.bias for head in heads], axis=0)
    networks.save_weights(network, out, networks.Head(heads[0].classes, kernel, bias))


_ANY_SIZE = 96  # weights are the same for every input size


def main(arguments: Sequence[str] | None = None) -> int:
    """Average weights; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m models.backbones.average", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--weights", required=True, metavar="FILE,FILE", help="weights.npz of trainings")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        average([Path(name) for name in given.weights.split(",")], given.out)
    except (FruitsError, OSError) as error:
        _log.error("%s", error)
        return 1
    _log.info("%s: %.1f MB", given.out, given.out.stat().st_size / 1e6)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
