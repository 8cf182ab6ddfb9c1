"""Train `fruitnet`: a network fine-tuned on fruit photographs, in stages that go on from each other.

    python -m models.backbones.train --photos DIR --out OUT --init imagenet --input-size 96
    python -m models.backbones.train --photos DIR --out NEXT --init OUT/weights.npz --input-size 160

Each stage writes `weights.npz` (float16, averaged), `log.csv` (a line an epoch), `split.csv` (what was kept
apart) and a checkpoint after every epoch, from which the same command goes on when it was cut off.
"""

import argparse
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from models.backbones import dataset
from models.backbones.trainer import Recipe, Trainer
from models.errors import FruitsError
from models.records import NOT_FRUIT

_log = logging.getLogger(__name__)
_CACHE_MARGIN = 1.15


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.backbones.train", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder of folders of photos")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for weights, log, split and checkpoints"
    )
    parser.add_argument(
        "--init",
        default="imagenet",
        help="imagenet, none, FILE.tflite, FILE.npz or FILE.h5 (default: imagenet)",
    )
    parser.add_argument(
        "--input-size", type=int, default=160, help="side of the input in pixels (default: 160)"
    )
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--photos-per-epoch", type=int, default=30_000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=8e-4)
    parser.add_argument(
        "--freeze-before",
        default="",
        help="layer before which all layers keep their weights, e.g. block_3_expand",
    )
    parser.add_argument(
        "--teachers",
        default="",
        metavar="FILE.npz,FILE.npz",
        help="weights of earlier trainings whose joint answer the network learns beside the labels",
    )
    parser.add_argument(
        "--index-space",
        default="",
        metavar="projection.npz",
        help="projection of a bundle in which photographs of one fruit are drawn together, beside the labels",
    )
    parser.add_argument(
        "--leave-out",
        default="",
        metavar="FRUIT,FRUIT",
        help="fruits that the network never sees, to measure how it takes to new ones",
    )
    parser.add_argument(
        "--photos-share",
        type=float,
        default=1.0,
        help="share of the near-duplicate groups to train on, for a learning curve (default: 1)",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="folder for decoded photos (default: OUT/cache)")
    parser.add_argument("--precision", choices=["mixed_bfloat16", "float32"], default="mixed_bfloat16")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage; returns the exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    keras.mixed_precision.set_global_policy(given.precision)
    names = set(Recipe.__dataclass_fields__)
    recipe = Recipe(
        **{name: value for name, value in vars(given).items() if name in names}
        | {"photos": str(given.photos)}
    )
    try:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "checkpoint").mkdir(exist_ok=True)
        side = math.ceil(recipe.input_size * _CACHE_MARGIN / 8) * 8
        left_out = recipe.leave_out.split(",") if recipe.leave_out else ()
        photos = dataset.load(given.photos, side, given.cache or given.out / "cache", left_out)
        dataset.write_split(photos, given.out / "split.csv")
        (given.out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2))
        trainer = Trainer(recipe, photos, given.out)
        negatives = sum(label.fruit == NOT_FRUIT for label in photos.labels)
        _log.info(
            "%d photos (%d negatives), %d classes, %d groups, %d kept apart",
            len(photos.labels),
            negatives,
            len(trainer.classes.labels),
            len(np.unique(photos.groups)),
            len(trainer.validation),
        )
        trainer.run()
    except FruitsError as error:
        _log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
