"""Training runs: it learns, it goes on from where it stopped, and it writes down what it did."""

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from scipy.special import softmax

from models.backbones import dataset
from models.backbones.train import main
from models.backbones.trainer import Classes, Recipe, Trainer
from models.errors import CorpusError, SettingsError
from models.projection import Projection
from models.records import NOT_FRUIT, Label

COLOURS = {
    "market/apple": (200, 30, 40),
    "market/lime": (90, 180, 60),
    "studio/lemon": (240, 220, 60),
    "not_fruit/box": (120, 110, 100),
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty noisy photos each of four plainly coloured things; the studio's stand on white."""
    root = tmp_path_factory.mktemp("photos")
    chance = np.random.default_rng(1)
    for folder, colour in COLOURS.items():
        (root / folder).mkdir(parents=True)
        for number in range(30):
            ground = (
                np.full((40, 40, 3), 255)
                if folder.startswith("studio")
                else chance.integers(0, 255, (5, 5, 3)).repeat(8, 0).repeat(8, 1)
            )
            pixels = ground.astype(np.float64)
            top, left = chance.integers(4, 14, 2)
            pixels[top : top + 22, left : left + 22] = colour + chance.normal(0, 12, (22, 22, 3))
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(root / folder / f"{number}.png")
    return root


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def train(photos: Path, out: Path, *more: str) -> int:
    arguments = [
        "--photos",
        str(photos),
        "--out",
        str(out),
        "--init",
        "none",
        "--input-size",
        "32",
        "--photos-per-epoch",
        "320",
    ]
    code = main(
        [
            *arguments,
            "--batch-size",
            "16",
            "--precision",
            "float32",
            "--cache",
            str(out.parent / "cache"),
            *more,
        ]
    )
    keras.config.set_dtype_policy("float32")
    return code


@pytest.fixture(scope="module")
def stage(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a stage that was cut off after its first epoch and went on to its second."""
    out = tmp_path_factory.mktemp("training") / "one"
    assert train(photos, out, "--epochs", "1") == 0
    assert train(photos, out, "--epochs", "2") == 0
    return out


def test_a_stage_goes_on_from_its_checkpoint_and_learns(stage: Path) -> None:
    log = rows_of(stage / "log.csv")

    assert [row["epoch"] for row in log] == ["1", "2"]
    assert float(log[1]["loss"]) < float(log[0]["loss"])


def test_a_stage_writes_weights_split_and_recipe(stage: Path) -> None:
    split = rows_of(stage / "split.csv")

    assert len(split) == 120
    assert {row["part"] for row in split} == {"training", "validation"}
    assert json.loads((stage / "recipe.json").read_text())["init"] == "none"
    assert (stage / "weights.npz").stat().st_size < 5_000_000


def test_the_next_stage_goes_on_with_weights_and_classifier(
    stage: Path, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        assert train(photos, tmp_path / "two", "--epochs", "1", "--init", str(stage / "weights.npz")) == 0

    assert "going on with the classifier" in caplog.text
    first, second = rows_of(stage / "log.csv"), rows_of(tmp_path / "two" / "log.csv")
    assert float(second[0]["loss"]) < float(first[0]["loss"])


def trainer(photos: Path, out: Path, teachers: str, index_space: str = "") -> Trainer:
    recipe = Recipe(
        photos=str(photos),
        init="none",
        input_size=32,
        epochs=10,
        photos_per_epoch=160,
        batch_size=16,
        learning_rate=2e-3,
        freeze_before="",
        teachers=teachers,
        index_space=index_space,
        leave_out="",
        photos_share=1.0,
        seed=3,
    )
    return Trainer(recipe, dataset.load(photos, 32, out / "cache"), out)


def test_a_student_learns_the_joint_answer_of_its_teachers(stage: Path, photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert train(photos, other, "--epochs", "1", "--seed", "2") == 0
    taught = trainer(photos, tmp_path, f"{stage / 'weights.npz'},{other / 'weights.npz'}")
    alone = trainer(photos, tmp_path, "")
    shown = np.random.default_rng(4).uniform(0, 255, (5, 32, 32, 3)).astype(np.float32)
    first, second = (softmax(teacher(shown).numpy(), axis=1) for teacher in taught.teachers)
    product = np.sqrt(first * second)
    before = taught.taught(shown).numpy()

    wrong = np.eye(len(taught.classes.labels), dtype=np.float32)[np.zeros(16, int)]
    pixels = taught.photos.pixels[taught.training[:16]]
    losses = [[float(student.step(pixels, wrong)) for _ in range(60)] for student in (taught, alone)]

    assert np.abs(first - second).max() > 0.01
    assert_allclose(before, product / product.sum(1, keepdims=True), atol=1e-5)
    assert_allclose(taught.taught(shown).numpy(), before, atol=1e-6)
    said = [
        softmax(student.model(pixels[..., :3]).numpy(), axis=1)[:, 0].mean() for student in (taught, alone)
    ]
    assert said[0] < 0.7 < said[1], losses


def test_a_teacher_of_other_classes_is_refused(
    stage: Path, photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    teacher = str(stage / "weights.npz")
    assert train(photos, tmp_path / "less", "--leave-out", "lime", "--teachers", teacher) == 1
    assert "tells 4 classes apart, which are not the 3" in caplog.text
    assert train(photos, tmp_path / "lost", "--teachers", "nowhere.npz") == 1
    assert "nowhere.npz" in caplog.text


def index_space(path: Path, features: int) -> str:
    components = np.random.default_rng(7).normal(size=(8, features)).astype(np.float32)
    projection = Projection(np.zeros(features, np.float32), components, np.full(8, 0.1, np.float32))
    path.write_bytes(projection.to_npz())
    return str(path)


def test_votes_lost_among_remembered_photographs_join_the_loss(photos: Path, tmp_path: Path) -> None:
    space = index_space(tmp_path / "projection.npz", 1280)
    drawn, alone = trainer(photos, tmp_path, "", space), trainer(photos, tmp_path, "")
    rows = drawn.training[:: len(drawn.training) // 16][:16]
    allowed = np.stack([drawn.classes.allowed(drawn.photos.labels[row]) for row in rows])
    pixels = drawn.photos.pixels[rows]

    first, then = ([float(student.step(pixels, allowed)) for student in (drawn, alone)] for _ in range(2))
    moved = [
        np.abs(own - other).max()
        for own, other in zip(drawn.network.get_weights(), alone.network.get_weights(), strict=True)
    ]

    assert first[0] == pytest.approx(first[1], rel=1e-4)  # nothing is remembered yet
    assert then[0] > then[1] + 0.05
    assert max(moved) > 1e-4


def test_a_space_of_other_features_is_refused(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(photos, tmp_path / "other", "--index-space", index_space(tmp_path / "other.npz", 96)) == 1
    assert "of 1280 features" in caplog.text
    assert "projects 96" in caplog.text
    assert train(photos, tmp_path / "lost", "--index-space", "nowhere.npz") == 1
    assert "nowhere.npz" in caplog.text


def test_a_missing_start_fails_with_a_reason(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert train(photos, tmp_path / "lost", "--init", "nowhere.npz") == 1
    assert "nowhere.npz" in caplog.text


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="Expected photos below"):
        dataset.load(tmp_path / "empty", 32, tmp_path / "cache")


def test_a_fruit_that_is_left_out_is_not_seen(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    less = dataset.load(photos, 32, tmp_path / "cache", ["lime"])

    assert {label.fruit for label in less.labels} == {"apple", "lemon", NOT_FRUIT}
    assert train(photos, tmp_path / "lost", "--leave-out", "durian") == 1
    assert "durian" in caplog.text


def test_a_smaller_share_of_the_groups_lies_within_a_larger_one(photos: Path, tmp_path: Path) -> None:
    loaded = dataset.load(photos, 32, tmp_path / "cache")
    rows = np.flatnonzero(~loaded.validation)
    quarter, half, whole = (
        set(dataset.part_of_groups(loaded, rows, share).tolist()) for share in (0.25, 0.5, 1.0)
    )

    assert quarter < half < whole == set(rows.tolist())
    with pytest.raises(SettingsError, match="--photos-share"):
        dataset.part_of_groups(loaded, rows, 1.5)


def test_a_photo_of_any_apple_allows_every_apple_class() -> None:
    classes = Classes.of([Label("apple"), Label("apple", "apple/gala"), Label("pear"), Label(NOT_FRUIT)])

    assert classes.allowed(Label("apple")).tolist() == [1, 1, 0, 0]
    assert classes.allowed(Label("apple", "apple/gala")).tolist() == [0, 1, 0, 0]
    assert classes.fruits == ("apple", NOT_FRUIT, "pear")
    assert classes.fruit_matrix().sum(0).tolist() == [2, 1, 1]


def test_only_plain_white_that_touches_the_border_is_background() -> None:
    pixels = np.full((20, 20, 3), 255, np.uint8)
    pixels[5:15, 5:15] = (200, 30, 40)
    pixels[9:11, 9:11] = 255
    mask = dataset.subject_mask(pixels)

    assert mask[0, 0] == 0
    assert mask[10, 10] == 255
    assert (dataset.subject_mask(np.full((20, 20, 3), 120, np.uint8)) == 255).all()


def test_rare_kinds_and_rare_fruits_are_drawn_more_often_than_they_occur(
    photos: Path, tmp_path: Path
) -> None:
    loaded = dataset.load(photos, 32, tmp_path / "cache")
    rows = np.array(
        [row for row, path in enumerate(loaded.paths) if not path.startswith("market/lime") or row % 5 == 0]
    )
    weights = dataset.sampling_weights(loaded, rows)
    limes = np.array([loaded.labels[row].fruit == "lime" for row in rows])

    assert weights.sum() == pytest.approx(1.0)
    assert weights[limes].sum() > limes.mean()
