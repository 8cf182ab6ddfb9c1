"""The default bundle gives the answers that it gave when it was measured, on real photos kept apart."""

from pathlib import Path

import numpy as np
import pytest

from models.identifier import Identifier
from models.records import NOT_FRUIT
from tests.pinned_answers import FILE, embed, from_archives


@pytest.fixture(scope="module")
def identifier(default_bundle: Path) -> Identifier:
    return Identifier.load(default_bundle).without_kept_apart()


@pytest.fixture(scope="module")
def pinned() -> dict[str, np.ndarray]:
    with np.load(FILE, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_the_pins_belong_to_the_committed_bundle(
    identifier: Identifier, pinned: dict[str, np.ndarray]
) -> None:
    assert str(pinned["version"]) == identifier.version


def test_pinned_embeddings_get_their_pinned_scores(
    identifier: Identifier, pinned: dict[str, np.ndarray]
) -> None:
    judgement = identifier.judge(pinned["embeddings"])[0]

    np.testing.assert_allclose(judgement.fruits, pinned["scores"], atol=1e-4)
    np.testing.assert_allclose(judgement.is_fruit, pinned["is_fruit"], atol=1e-4)


def test_most_pinned_photos_are_named_rightly_and_no_negative_is_kept(
    identifier: Identifier, pinned: dict[str, np.ndarray]
) -> None:
    judgement = identifier.judge(pinned["embeddings"])[0]
    fruits = pinned["fruits"] != NOT_FRUIT
    guessed = np.array(identifier.decision.fruits)[judgement.fruits.argmax(1)]

    assert (guessed == pinned["fruits"])[fruits].mean() >= 0.8
    assert (judgement.is_fruit[~fruits] < identifier.decision.thresholds.is_fruit).all()


def test_no_pinned_photo_has_a_say(identifier: Identifier, pinned: dict[str, np.ndarray]) -> None:
    assert not {str(Path(path).with_suffix("")) for path in pinned["paths"]} & identifier.images


def test_the_photos_themselves_give_the_pinned_embeddings(
    identifier: Identifier, pinned: dict[str, np.ndarray], shared_data: Path
) -> None:
    embeddings = embed(identifier, from_archives(shared_data, [str(path) for path in pinned["paths"]]))

    lengths = np.linalg.norm(embeddings, axis=1) * np.linalg.norm(pinned["embeddings"], axis=1)
    assert ((embeddings * pinned["embeddings"]).sum(1) / lengths).min() > 0.995
