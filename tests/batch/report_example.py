"""What a build of a made-up corpus reports: fruits in look-alike groups, three kinds of photos, negatives."""

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from batch.evaluation import Answered, measure
from batch.report import ReportData, Step
from models.decision import Judgement, softmax
from models.records import NOT_FRUIT, Answer, Label, Rank

GROUPS = {
    "citrus": "lemon lime orange mandarin grapefruit pomelo kumquat tangelo",
    "pome": "apple pear quince",
    "stone": "peach nectarine apricot plum plumcot cherry",
    "melon": "melon watermelon pumpkin",
    "berry": "strawberry raspberry blackberry mulberry blueberry bearberry cranberry blackcurrant grape",
    "long": "cucumber zucchini eggplant banana plantain",
    "round": "tomato bell-pepper tamarillo pepino pomegranate persimmon",
    "exotic": "mango papaya pineapple kiwi passion-fruit granadilla lychee rambutan dragon-fruit guava",
    "dry": "coconut date peanut cashew avocado",
}
FRUITS = tuple(sorted(fruit for group in GROUPS.values() for fruit in group.split()))[:50]
KINDS = {"studio": 1.0, "phone": 2.1, "web": 1.7}
D_PCA = 64


def centres(fruits: tuple[str, ...], chance: np.random.Generator) -> npt.NDArray[np.float32]:
    """Unit vectors of fruits; those of one group lie close together."""
    groups = {fruit: name for name, members in GROUPS.items() for fruit in members.split()}
    middles = {name: chance.normal(size=D_PCA) for name in GROUPS}
    points = np.array([middles[groups[fruit]] + 0.62 * chance.normal(size=D_PCA) for fruit in fruits])
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def scattered(
    points: npt.NDArray[np.float32], spread: float, chance: np.random.Generator
) -> npt.NDArray[np.float32]:
    vectors = points + spread / np.sqrt(D_PCA) * chance.normal(size=points.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def answer(fruit: str, score: float, is_fruit: float) -> Answer:
    if is_fruit < 0.4 or score < 0.2:
        return Answer(Rank.UNKNOWN, None, 0.0)
    if score < 0.5:
        return Answer(Rank.FAMILY, "citrus", score)
    return Answer(Rank.FRUIT, fruit, score)


def answered(
    fruits: tuple[str, ...],
    kinds: tuple[str, ...],
    photos: int,
    negatives: int,
    middles: npt.NDArray[np.float32],
    chance: np.random.Generator,
    sharpness: float = 26.0,
) -> Answered:
    """Photos kept apart, judged by how near they lie to each fruit."""
    truth = np.concatenate(
        [np.arange(len(fruits)), chance.integers(0, len(fruits), max(0, photos - len(fruits)))]
    )
    own = [kinds[place % len(kinds)] for place in range(len(truth))]
    vectors = np.concatenate(
        [scattered(middles[[fruit]], KINDS[kind], chance) for fruit, kind in zip(truth, own, strict=True)]
        + [scattered(np.zeros((1, D_PCA), np.float32), 1.0, chance) for _ in range(negatives)]
    )
    is_fruit = np.concatenate([chance.beta(9, 0.5, len(truth)), chance.beta(0.5, 3, negatives)])
    scores = (softmax(sharpness * vectors @ middles.T) * is_fruit[:, None]).astype(np.float32)
    labels = [Label(fruits[fruit]) for fruit in truth] + [Label(NOT_FRUIT)] * negatives
    best = scores.argmax(1)
    answers = [
        answer(fruits[column], float(scores[row, column]), float(is_fruit[row]))
        for row, column in enumerate(best)
    ]
    paths = [
        f"{kind}/{label.fruit}/{row:05d}.jpg"
        for row, (kind, label) in enumerate(zip([*own, *["other"] * negatives], labels, strict=True))
    ]
    judgement = Judgement(is_fruit.astype(np.float32), scores, np.zeros((len(labels), 0), np.float32))
    all_kinds = [*own, *["other"] * negatives]
    return Answered(paths, labels, all_kinds, judgement, answers, fruits, (), 0.4)


def figures(held_out: Answered | None) -> dict[str, dict[str, object]]:
    if held_out is None:
        return {}
    kinds = [*dict.fromkeys(held_out.kinds)]
    return {"all": measure(held_out)} | {kind: measure(held_out.of_kind(kind)) for kind in kinds}


def build(
    fruits: tuple[str, ...] = FRUITS,
    kinds: tuple[str, ...] = tuple(KINDS),
    photos: int = 1500,
    negatives: int = 400,
    indexed: int = 6000,
    **changed: object,
) -> ReportData:
    """What a build of this size would report; the same arguments give the same data."""
    chance = np.random.default_rng(7)
    middles = centres(fruits, chance)
    share = chance.dirichlet(np.full(len(fruits), 2.0))
    shown = np.sort(
        np.concatenate([np.arange(len(fruits)), chance.choice(len(fruits), indexed - len(fruits), p=share)])
    )
    held_out = answered(fruits, kinds, photos, negatives, middles, chance) if photos else None
    before = answered(fruits, kinds, photos, negatives, middles, chance, 14.0) if photos else None
    ratios = (0.82 ** np.arange(D_PCA) + 0.02).astype(np.float32)
    data = ReportData(
        title="Bundle built 2026-11-23 10:15 UTC",
        network="fruitnet-1",
        d_cnn=1280,
        d_pca=D_PCA,
        corpora=["s3://fruits-corpus/2026", "file:///data/phone"],
        explained_variance_ratio=0.93 * ratios / ratios.sum(),
        counts=dict(sorted(Counter(fruits[one] for one in shown).items())),
        vectors=scattered(middles[shown], 0.9, chance),
        fruits=[fruits[one] for one in shown],
        held_out=held_out,
        metrics=figures(held_out),
        baseline=figures(before),
        rejects={"undecodable": 12, "too_small": 3},
        reject_examples=[("web/apple/broken.jpg", "undecodable"), ("web/fig/icon.png", "too_small")],
        new_fruits=["dekopon", "ugli"],
        warnings=["Only 9 photos of quince: its scores rest on little."],
        steps=[
            Step("list photos", 4.2, 8000),
            Step("embed", 412.8, 8000, 2310.0),
            Step("fit projection", 9.1, 8000, 640.0),
            Step("index", 1.3, 6000, 410.0),
            Step("evaluate", 14.9, 1900, 700.0),
        ],
        index={
            "kind": "flat",
            "encoding": "fp16",
            "metric": "cosine",
            "recall_at_10": 0.9991,
            "recall_queries": 1000,
        },
        calibration={
            "photos": 740,
            "negatives": 200,
            "method": "temperature and smoothing",
            "temperature": 0.8123,
        },
        thresholds={"is_fruit": 0.4, "variety": 0.6, "fruit": 0.5, "family": 0.5},
        names={fruit: fruit.replace("-", " ").capitalize() for fruit in fruits},
    )
    return replace(data, **changed)  # type: ignore[arg-type]
