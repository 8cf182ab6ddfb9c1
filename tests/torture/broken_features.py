"""Feature stores damaged in every way between two builds: noticed and rebuilt, never a wrong vector."""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

from batch.corpus import CorpusPhoto
from batch.embedding import EmbeddingResult, embed
from batch.feature_store import FeatureStore
from models.embedder import Embedder
from models.errors import NetworkError

_SHARD_PHOTOS = 4
_BATCH_SIZE = 4


@dataclass
class Spoilt:
    """What came of damaged feature stores.

    Attributes:
        done: kind of damage -> how often.
        rebuilt: builds that embedded photos anew.
        unharmed: builds that found every vector as it was: the damage was where nothing is read.
        wrong: builds that gave another vector, or fewer, than one from nothing.
    """

    done: Counter[str] = field(default_factory=Counter)
    rebuilt: int = 0
    unharmed: int = 0
    wrong: int = 0

    def outcomes(self) -> dict[str, int | float | str]:
        """What came of it, for the table."""
        return {
            **self.done,
            "noticed and rebuilt": self.rebuilt,
            "nothing that is read was hit": self.unharmed,
            "wrong or missing vectors": self.wrong,
        }


@dataclass(frozen=True)
class Spoiler:
    """Damages shards; `theirs` is the same photos' store of another network."""

    ours: Path
    theirs: Path
    chance: random.Random

    def flipped(self) -> None:
        """Turn over one bit of one shard."""
        shard = self._one()
        data = bytearray(shard.read_bytes())
        data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        shard.write_bytes(data)

    def cut_short(self) -> None:
        """Cut one shard anywhere."""
        shard = self._one()
        shard.write_bytes(shard.read_bytes()[: self.chance.randrange(shard.stat().st_size)])

    def missing(self) -> None:
        """Lose one shard."""
        self._one().unlink()

    def of_another_network(self) -> None:
        """Put the other network's shard of the same photos in the place of ours."""
        shard = self._one()
        shutil.copyfile(next(self.theirs.rglob(shard.name)), shard)

    def all_of_another_network(self) -> None:
        """Put all shards of the other network in the place of ours."""
        for shard in self._all():
            shutil.copyfile(next(self.theirs.rglob(shard.name)), shard)

    def copied_over(self) -> None:
        """Put one shard in the place of another one."""
        source, target = self.chance.sample(self._all(), 2)
        shutil.copyfile(source, target)

    def swapped(self) -> None:
        """Let two shards change places."""
        one, other = self.chance.sample(self._all(), 2)
        data = one.read_bytes()
        shutil.copyfile(other, one)
        other.write_bytes(data)

    def _all(self) -> list[Path]:
        return sorted(self.ours.rglob("*.parquet"))

    def _one(self) -> Path:
        return self.chance.choice(self._all())


KINDS: Mapping[str, Callable[[Spoiler], None]] = {
    "flipped": Spoiler.flipped,
    "cut short": Spoiler.cut_short,
    "missing": Spoiler.missing,
    "another network's": Spoiler.of_another_network,
    "all another network's": Spoiler.all_of_another_network,
    "one over another": Spoiler.copied_over,
    "two swapped": Spoiler.swapped,
}


def spoil_features(
    spark: SparkSession,
    photos: Sequence[CorpusPhoto],
    network: bytes,
    folder: Path,
    rounds: int,
    kinds: Collection[str] = tuple(KINDS),
) -> Spoilt:
    """Damage the features of a build in each way, so many times, and build again.

    Args:
        spark: the session.
        photos: a small corpus.
        network: that embeds it.
        folder: room for feature stores.
        rounds: times that each kind of damage is done.
        kinds: of `KINDS`.
    """
    came, chance = Spoilt(), random.Random(13)
    clean = _vectors(_embed(spark, photos, network, folder / "clean"))
    _embed(spark, photos, other_network(network), folder / "theirs")
    for kind in kinds:
        for number in range(rounds):
            ours = Path(shutil.copytree(folder / "clean", folder / f"{kind}-{number}"))
            KINDS[kind](Spoiler(ours, folder / "theirs", chance))
            result = _embed(spark, photos, network, ours)
            same = _vectors(result) == clean and not result.rejects
            came.done[kind] += 1
            came.wrong += not same
            came.rebuilt += same and result.embedded > 0
            came.unharmed += same and result.embedded == 0
            shutil.rmtree(ours)
    return came


def other_network(network: bytes) -> bytes:
    """Give a network of the same shape that sees other things: some bytes of its weights are others.

    Raises:
        ValueError: no such bytes were found.
    """
    before = Embedder.load(network)
    photo = np.random.default_rng(1).integers(0, 256, (1, before.input_size, before.input_size, 3), np.uint8)
    seen = before.embed(photo)
    for place in range(len(network) // 2, len(network) - 4, 64):
        changed = network[:place] + bytes([network[place] ^ 0x40]) + network[place + 1 :]
        try:
            other = Embedder.load(changed).embed(photo)
        except NetworkError:
            continue
        if np.isfinite(other).all() and not np.array_equal(other, seen):
            return changed
    raise ValueError("no byte of the network changes what it sees")


def _embed(
    spark: SparkSession, photos: Sequence[CorpusPhoto], network: bytes, features: Path
) -> EmbeddingResult:
    return embed(
        spark,
        photos,
        network,
        None,
        FeatureStore(str(features)),
        batch_size=_BATCH_SIZE,
        shard_photos=_SHARD_PHOTOS,
    )


def _vectors(result: EmbeddingResult) -> dict[str, bytes]:
    """Collect the vectors by path of the photo."""
    paths = {key: photo.path for key, photo in zip(result.keys, result.photos, strict=True)}
    return {
        paths[row.key]: np.array(row.embedding, np.float32).tobytes() for row in result.embeddings.collect()
    }
