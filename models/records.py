"""The values that pass between the parts of the kernel and out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NOT_FRUIT = "not_fruit"


class Rank(StrEnum):
    """How far an answer commits itself, from surest to not at all."""

    VARIETY = "variety"
    FRUIT = "fruit"
    FAMILY = "family"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Label:
    """What a photo of the corpus shows.

    Attributes:
        fruit: fruit id such as `passion-fruit`; `NOT_FRUIT` for a negative.
        variety: variety id such as `apple/granny-smith`, or None when only the fruit is known.
    """

    fruit: str
    variety: str | None = None

    @property
    def is_fruit(self) -> bool:
        """Whether the photo shows a fruit at all."""
        return self.fruit != NOT_FRUIT


@dataclass(frozen=True, slots=True)
class Similar:
    """One photo of the index that resembles the asked one."""

    image: str
    similarity: float
    credit: str


@dataclass(frozen=True, slots=True)
class VarietyScore:
    """Joint probability of a variety: never above its fruit's."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class FruitScore:
    """Calibrated probability of a fruit, with its varieties and the evidence, best first."""

    fruit: str
    score: float
    varieties: tuple[VarietyScore, ...] = ()
    similar: tuple[Similar, ...] = ()


@dataclass(frozen=True, slots=True)
class IsFruit:
    """Probability that the photo shows a fruit, and the verdict at `threshold`."""

    probability: float
    threshold: float
    binary: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The most specific statement that the scores support; `id` is None at rank unknown."""

    rank: Rank
    id: str | None
    score: float


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """What was received: size in upright pixels, and advice codes (`too_dark`, `blown_out`, `blurred`,
    `tiny`, `only_background`); there is advice where, and only where, the photo is not usable.
    """

    width: int
    height: int
    usable: bool = True
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identification:
    """The whole answer to one request; scores of `results` sum to at most 1 over all fruits.

    `timing_ms` holds decode, embed and search in milliseconds.
    """

    is_fruit: IsFruit
    answer: Answer
    results: tuple[FruitScore, ...]
    photos: tuple[PhotoReport, ...]
    timing_ms: Mapping[str, float] = field(default_factory=dict)
