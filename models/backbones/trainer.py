"""One stage of a training: a network with a linear head, its averaged copy, and the loop over epochs."""

import csv
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.backbones import dataset, networks
from models.backbones.augment import augment, mix, recolour, set_back
from models.backbones.neighbour_loss import Memory
from models.errors import BundleError, FruitsError
from models.projection import Projection
from models.records import Label

_log = logging.getLogger(__name__)
_LABEL_SMOOTHING = 0.05
_AVERAGE_DECAY = 0.998
_WARMUP_STEPS = 200
_TAUGHT_SHARE = 0.7
_TEACHERS_VIEWS = ("whole", "mirrored-middle")
_NEIGHBOUR_SHARE = 0.3
_MEMORY_ROWS = 8_192


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a stage's result, written beside it."""

    photos: str
    init: str
    input_size: int
    epochs: int
    photos_per_epoch: int
    batch_size: int
    learning_rate: float
    freeze_before: str
    teachers: str
    index_space: str
    leave_out: str
    photos_share: float
    seed: int


@dataclass(frozen=True)
class Classes:
    """The finest labels, and which of them each label allows.

    A photo labelled `apple` may show any apple, so its loss is that of the sum over all apple classes; one
    labelled `apple/granny-smith` has only its own.

    Attributes:
        labels: one a class, sorted.
        allowed: label -> float32 (classes,) of 0 and 1.
    """

    labels: tuple[Label, ...]

    @classmethod
    def of(cls, labels: Sequence[Label]) -> "Classes":
        """Collect the classes of a training set."""
        return cls(tuple(sorted(set(labels), key=lambda label: (label.fruit, label.variety or ""))))

    def allowed(self, label: Label) -> npt.NDArray[np.float32]:
        """Which classes a label leaves open: float32 (classes,) of 0 and 1."""
        return np.array(
            [own.fruit == label.fruit and label.variety in (None, own.variety) for own in self.labels],
            np.float32,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Each class as text: the variety id, or the fruit id where the variety is not known."""
        return tuple(label.variety or label.fruit for label in self.labels)

    @property
    def fruits(self) -> tuple[str, ...]:
        """Fruit ids, `not_fruit` among them, sorted."""
        return tuple(sorted({label.fruit for label in self.labels}))

    def fruit_matrix(self) -> npt.NDArray[np.float32]:
        """Sum classes to fruits: float32 (classes, fruits) of 0 and 1."""
        return np.array(
            [[label.fruit == fruit for fruit in self.fruits] for label in self.labels], np.float32
        )


class Trainer:
    """One stage: a network with a linear head, its averaged copy, and the loop over epochs."""

    def __init__(self, recipe: Recipe, photos: dataset.Photos, out: Path) -> None:
        self.recipe, self.photos, self.out = recipe, photos, out
        keras.utils.set_random_seed(recipe.seed)
        self.training = dataset.part_of_groups(
            photos, np.flatnonzero(~photos.validation), recipe.photos_share
        )
        self.validation = np.flatnonzero(photos.validation)
        self.classes = Classes.of(photos.labels)
        self.negative = tf.constant([not label.is_fruit for label in self.classes.labels])
        self.network = networks.mobilenet_v2(recipe.input_size)
        networks.initialise(self.network, recipe.init, self._sample(48))
        self._freeze()
        self.linear = keras.layers.Dense(len(self.classes.labels), dtype="float32")
        self.model = keras.Model(
            self.network.input, self.linear(keras.layers.Dropout(0.2)(self.network.output))
        )
        self._start_head()
        self.look = keras.Model(self.network.input, [self.network.output, self.model.output])
        self.memory = self._memory()
        self.teachers = [self._teacher(path) for path in recipe.teachers.split(",") if path]
        self.average = [tf.Variable(weight) for weight in self.model.weights]
        self.steps_per_epoch = recipe.photos_per_epoch // recipe.batch_size
        self.optimizer = keras.optimizers.AdamW(self._schedule(), weight_decay=0.01, global_clipnorm=1.0)
        self.optimizer.build(self.model.trainable_variables)
        self.generator = tf.random.Generator.from_seed(recipe.seed)
        self.step = tf.function(self._one_step)

    def run(self) -> None:
        """Train to the last epoch, going on from a checkpoint if one is there."""
        first = self._resume()
        for epoch in range(first, self.recipe.epochs):
            started = time.perf_counter()
            loss = self._epoch(epoch)
            self._checkpoint(epoch)
            row = {
                "epoch": epoch + 1,
                "loss": round(loss, 4),
                "seconds": round(time.perf_counter() - started),
            }
            row |= {f"top1_{kind}": share for kind, share in self.evaluate().items()}
            self._write_log(row)
            _log.info("%s", row)
        self._swap()
        kernel, bias = self.linear.get_weights()
        head = networks.Head(self.classes.names, kernel, bias)
        networks.save_weights(self.network, self.out / "weights.npz", head)

    def evaluate(self) -> dict[str, float]:
        """Top-1 by fruit on the validation part, with the averaged weights, for each kind of photo."""
        self._swap()
        scores = np.concatenate(
            [
                self.model.predict_on_batch(self._centre(pixels[..., :3]))
                for pixels in self.photos.batches(self.validation, 128)
            ]
        )
        self._swap()
        by_fruit = np.exp(scores - scores.max(1, keepdims=True)) @ self.classes.fruit_matrix()
        guessed = np.array(self.classes.fruits)[by_fruit.argmax(1)]
        right = guessed == np.array([self.photos.labels[row].fruit for row in self.validation])
        kinds = np.array(self.photos.kinds)[self.validation]
        return {kind: round(float(right[kinds == kind].mean()), 4) for kind in sorted(set(kinds))}

    def _schedule(self) -> keras.optimizers.schedules.LearningRateSchedule:
        total = self.recipe.epochs * self.steps_per_epoch
        warmup = min(_WARMUP_STEPS, total // 5)
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=self.recipe.learning_rate / 50,
            warmup_target=self.recipe.learning_rate,
            warmup_steps=warmup,
            decay_steps=max(1, total - warmup),
            alpha=0.01,
        )

    def _start_head(self) -> None:
        """Go on with the classifier of the last stage, if it told the same classes apart."""
        start = Path(self.recipe.init)
        head = networks.load_head(start) if start.suffix == ".npz" else None
        if head is not None and head.classes == self.classes.names:
            self.linear.set_weights([head.kernel, head.bias])
            _log.info("going on with the classifier of %s", start)

    def _teacher(self, path: str) -> keras.Model:
        """The network and classifier of an earlier training: from photos to scores, float32 (n, classes)."""
        if not Path(path).is_file() or (head := networks.load_head(Path(path))) is None:
            raise FruitsError(
                f"--teachers takes files weights.npz that trainings wrote, with commas between, got {path!r}."
            )
        if head.classes != self.classes.names:
            raise FruitsError(
                f"{path} tells {len(head.classes)} classes apart, which are not the "
                f"{len(self.classes.names)} of these photographs; take a teacher trained on the same folders."
            )
        network = networks.mobilenet_v2(self.recipe.input_size)
        networks.load_weights(network, Path(path))
        linear = keras.layers.Dense(len(head.classes), dtype="float32")
        photo = network.input
        seen = [network(networks.VIEWS[view](photo)) for view in _TEACHERS_VIEWS]
        teacher = keras.Model(photo, linear(keras.ops.mean(keras.ops.stack(seen), axis=0)))
        linear.set_weights([head.kernel, head.bias])
        return teacher

    def _memory(self) -> Memory | None:
        """What tells how near photographs lie in the index of a bundle, if the recipe names one's space."""
        if not (path := self.recipe.index_space):
            return None
        try:
            projection = Projection.from_npz(Path(path).read_bytes())
        except (OSError, BundleError) as error:
            raise FruitsError(
                f"--index-space takes the file projection.npz of a bundle, got {path!r}: {error}"
            ) from error
        if projection.d_cnn != self.network.output_shape[-1]:
            raise FruitsError(
                f"--index-space takes a projection of {self.network.output_shape[-1]} features, but {path} "
                f"projects {projection.d_cnn}."
            )
        return Memory(projection, _MEMORY_ROWS)

    def _freeze(self) -> None:
        """Keep the layers before the named one as they are: edges and colours carry over from ImageNet, at
        half the cost.
        """
        body = networks.body_of(self.network)
        names = [layer.name for layer in body.layers]
        if self.recipe.freeze_before and self.recipe.freeze_before not in names:
            raise FruitsError(
                "--freeze-before takes a layer of the network such as block_3_expand, got "
                f"{self.recipe.freeze_before!r}."
            )
        for layer in body.layers[
            : names.index(self.recipe.freeze_before) if self.recipe.freeze_before else 0
        ]:
            layer.trainable = False

    def _sample(self, count: int) -> npt.NDArray[np.uint8]:
        rows = np.random.default_rng(self.recipe.seed).choice(self.training, count, replace=False)
        return np.asarray(self._centre(self.photos.pixels[np.sort(rows)][..., :3]), np.uint8)

    def _centre(self, pixels: npt.NDArray[np.uint8]) -> tf.Tensor:
        return tf.image.resize(pixels, [self.recipe.input_size] * 2, antialias=True)

    def _epoch(self, epoch: int) -> float:
        chance = np.random.default_rng((self.recipe.seed, epoch))
        weights = dataset.sampling_weights(self.photos, self.training)
        drawn = chance.choice(self.training, self.steps_per_epoch * self.recipe.batch_size, p=weights)
        allowed = {label: self.classes.allowed(label) for label in self.classes.labels}
        losses, started = [], time.perf_counter()
        for step, pixels in enumerate(self.photos.batches(drawn, self.recipe.batch_size)):
            rows = drawn[step * self.recipe.batch_size :][: len(pixels)]
            losses.append(self.step(pixels, np.stack([allowed[self.photos.labels[row]] for row in rows])))
            if step % 50 == 49:
                rate = (step + 1) * self.recipe.batch_size / (time.perf_counter() - started)
                recent = float(np.mean([float(loss) for loss in losses[-50:]]))
                _log.info(
                    "epoch %d step %d/%d loss %.3f, %.0f photos/s",
                    epoch + 1,
                    step + 1,
                    self.steps_per_epoch,
                    recent,
                    rate,
                )
        return float(np.mean([float(loss) for loss in losses]))

    def _one_step(self, rgba: tf.Tensor, allowed: tf.Tensor) -> tf.Tensor:
        negatives = tf.reduce_any((allowed > 0) & self.negative, axis=1)
        photos = augment(rgba, self.recipe.input_size, self.generator)
        photos = recolour(photos, negatives, self.generator)
        photos, patch_allowed, share = mix(photos, allowed, negatives, self.generator)
        farther = set_back(photos, self.generator)
        with tf.GradientTape() as tape:
            features, scores = self.look(farther, training=True)
            log_p = tf.nn.log_softmax(scores)
            own = (1 - share) * _surprise(log_p, allowed) + share * _surprise(log_p, patch_allowed)
            smooth = -tf.reduce_mean(log_p, axis=1)
            loss = (1 - _LABEL_SMOOTHING) * own + _LABEL_SMOOTHING * smooth
            if self.teachers:
                taught = -tf.reduce_sum(self.taught(photos) * log_p, axis=1)
                loss = (1 - _TAUGHT_SHARE) * loss + _TAUGHT_SHARE * taught
            if self.memory:
                loss += _NEIGHBOUR_SHARE * self.memory.ask(features, self._fruits_of(allowed, share))
            loss = tf.reduce_mean(loss)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        seen = tf.cast(self.optimizer.iterations, tf.float32)
        keep = tf.minimum(_AVERAGE_DECAY, (1 + seen) / (10 + seen))
        for average, weight in zip(self.average, self.model.weights, strict=True):
            average.assign(keep * average + (1 - keep) * tf.cast(weight.value, tf.float32))
        return loss

    def _fruits_of(self, allowed: tf.Tensor, patch_share: tf.Tensor) -> tf.Tensor:
        """Number of the fruit that each photo shows, -1 where a patch covers part of it: int32 (n,)."""
        fruits = tf.argmax(allowed @ self.classes.fruit_matrix(), axis=1, output_type=tf.int32)
        return tf.where(patch_share > 0, -1, fruits)

    def taught(self, photos: tf.Tensor) -> tf.Tensor:
        """What the teachers, each with two looks and their answers multiplied, see in the very photos that
        the network is shown (Beyer et al. 2022, arXiv:2106.05237), but for those that it is shown from
        farther away: float32 (n, classes) that sum to 1.
        """
        scores = [tf.nn.log_softmax(teacher(photos, training=False)) for teacher in self.teachers]
        return tf.stop_gradient(tf.nn.softmax(tf.add_n(scores) / len(scores)))

    def _swap(self) -> None:
        """Exchange the weights with their averages."""
        for average, weight in zip(self.average, self.model.weights, strict=True):
            held = weight.numpy()
            weight.assign(average)
            average.assign(held)

    def _state(self) -> tf.train.Checkpoint:
        variables = [variable.value for variable in (*self.model.weights, *self.optimizer.variables)]
        return tf.train.Checkpoint(variables=variables, average=self.average, chance=self.generator)

    def _checkpoint(self, epoch: int) -> None:
        path = self._state().write(str(self.out / "checkpoint" / f"epoch-{epoch + 1}"))
        (self.out / "checkpoint" / "last.json").write_text(json.dumps({"path": path, "epochs": epoch + 1}))

    def _resume(self) -> int:
        marker = self.out / "checkpoint" / "last.json"
        if not marker.exists():
            return 0
        last = json.loads(marker.read_text())
        self._state().read(last["path"]).assert_consumed()
        _log.info("going on after epoch %d", last["epochs"])
        return int(last["epochs"])

    def _write_log(self, row: dict[str, float]) -> None:
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


def _surprise(log_p: tf.Tensor, allowed: tf.Tensor) -> tf.Tensor:
    """Minus the log of the summed probability of the classes that a label allows: (n,)."""
    return -tf.reduce_logsumexp(tf.where(allowed > 0, log_p, -1e9), axis=1)
