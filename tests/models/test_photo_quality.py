"""Photos that show nothing get the right advice, at every size; photos that are identified get none."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from api.language import ADVICE
from batch.synthetic import render
from models import photo, photo_quality
from models.identifier import Identifier
from models.photo_quality import HOPELESS, POOR, Measures, advice, measure
from models.records import Rank
from tests.bench.spoiled_photos import WAYS, file_of
from tests.end_to_end.swap_bundles import coloured_bundle

HOPELESS_DEGREES = {
    "dark": 0.04,
    "bright": 30,
    "glare": 0.95,
    "out of focus": 1 / 14,
    "shaken": 1 / 2,
    "small": 20,
    "covered": 0.98,
}
GOOD = Measures(side_px=640, light=200, graded=0.9, contrast=0.8, veil=20, sharpness=0.5, steepness=0.4)


@pytest.fixture(scope="module")
def apple() -> Image.Image:
    return Image.open(io.BytesIO(render("apple", 3, seed=11, kind="asked"))).convert("RGB")


def measures_of(image: Image.Image) -> Measures:
    decoded = photo.decode(file_of(image))
    return measure(photo.fit(decoded.pixels, photo_quality.SIDE_PX), decoded.width, decoded.height)


@pytest.mark.parametrize("size", [(100, 100), (348, 348), (640, 480), (4032, 3024)])
def test_a_photo_is_usable_whatever_its_size(apple: Image.Image, size: tuple[int, int]) -> None:
    assert advice(measures_of(apple.resize(size, Image.Resampling.BICUBIC)), named=True) == ()


@pytest.mark.parametrize("size", [(256, 256), (2000, 1500)])
@pytest.mark.parametrize("way", HOPELESS_DEGREES)
def test_a_hopeless_photo_gets_its_advice_even_when_the_network_names_a_fruit(
    apple: Image.Image, way: str, size: tuple[int, int]
) -> None:
    spoiled = WAYS[way].spoil(apple.resize(size, Image.Resampling.BICUBIC), HOPELESS_DEGREES[way])
    assert advice(measures_of(spoiled), named=True) == (WAYS[way].advice,)


@pytest.mark.parametrize("level", [3, 90, 160, 254])
def test_a_picture_of_one_colour_is_never_usable(level: int) -> None:
    code = {3: "too_dark", 254: "blown_out"}.get(level, "only_background")
    assert advice(measures_of(Image.new("RGB", (640, 480), (level,) * 3)), named=True) == (code,)


def test_a_small_photo_on_white_is_neither_tiny_nor_blown_out(apple: Image.Image) -> None:
    white = Image.new("RGB", (100, 100), "white")
    white.paste(apple.resize((50, 50), Image.Resampling.BICUBIC), (25, 25))
    assert advice(measures_of(white), named=True) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side_px": 40}, "tiny"),
        ({"light": 40.0}, "too_dark"),
        ({"light": 250.0, "graded": 0.2}, "blown_out"),
        ({"contrast": 0.25, "veil": 190.0}, "blown_out"),
        ({"contrast": 0.25}, "only_background"),
        ({"sharpness": 0.1}, "blurred"),
        ({"steepness": 0.12}, "blurred"),
    ],
)
def test_a_poor_photo_gets_advice_only_where_no_fruit_is_named(change: dict[str, float], code: str) -> None:
    poor = replace(GOOD, **change)  # type: ignore[arg-type]
    assert advice(poor, named=True) == ()
    assert advice(poor, named=False) == (code,)
    assert advice(GOOD, named=False) == ()


def test_what_is_poor_is_looser_than_what_is_hopeless() -> None:
    for name in ("side_px", "light", "graded", "contrast", "sharpness", "steepness"):
        assert getattr(POOR, name) > getattr(HOPELESS, name)


def test_the_first_cause_alone_is_told() -> None:
    nothing = Measures(side_px=16, light=2, graded=0, contrast=0, veil=0, sharpness=0, steepness=0)
    assert advice(nothing, named=False) == ("tiny",)
    assert advice(replace(nothing, side_px=800), named=False) == ("too_dark",)


def test_measures_of_a_pinned_picture() -> None:
    """A bright square on grey: 48 of 96 pixels wide, levels 80 and 240, cut off nowhere."""
    pixels = np.full((96, 96, 3), 80, np.uint8)
    pixels[24:72, 24:72] = 240
    found = measure(pixels, 4032, 3024)
    assert (found.side_px, found.light, found.graded, found.veil) == (4032, 240, 1, 80)
    assert found.contrast == pytest.approx(160 / 240)
    # Its edges run along the axes, so both are least at 45 degrees: the central difference is half the step.
    assert found.steepness == pytest.approx(0.5 * np.sqrt(0.5))
    assert found.sharpness == pytest.approx(0.5)


def test_other_arrays_are_refused() -> None:
    for pixels in (np.zeros((96, 95, 3), np.uint8), np.zeros((96, 96, 3), np.float32)):
        with pytest.raises(ValueError, match="Expected uint8"):
            measure(pixels, 100, 100)


def test_every_code_has_a_sentence_in_every_language() -> None:
    assert ADVICE.keys() == set(photo_quality.CODES)
    for sentences in ADVICE.values():
        assert sentences.keys() == {"en", "fr", "es", "de", "it"}


def test_an_unusable_photo_is_answered_unknown_with_scores(tmp_path: Path, apple: Image.Image) -> None:
    """The bundle of this test names an apple in any picture."""
    identifier = Identifier.load(coloured_bundle(tmp_path / "red", "red").folder)
    good = identifier.identify([file_of(apple)])
    bad = identifier.identify([file_of(WAYS["out of focus"].spoil(apple, 1 / 14))])
    assert good.photos[0].usable
    assert (good.answer.rank, good.answer.id) == (Rank.FRUIT, "apple")
    assert (bad.photos[0].usable, bad.photos[0].advice) == (False, ("blurred",))
    assert (bad.answer.rank, bad.answer.id) == (Rank.UNKNOWN, None)
    assert [one.fruit for one in bad.results] == ["apple", "cherry"]


def test_beside_usable_photos_the_unusable_ones_have_no_say(default_bundle: Path, apple: Image.Image) -> None:
    identifier = Identifier.load(default_bundle)
    good = [file_of(apple), file_of(apple.rotate(8))]
    bad = [file_of(WAYS["dark"].spoil(apple, 0.02)), file_of(WAYS["out of focus"].spoil(apple, 1 / 10))]
    alone = identifier.identify(good)
    mixed = identifier.identify([bad[0], good[0], bad[1], good[1]])
    assert [report.usable for report in mixed.photos] == [False, True, False, True]
    assert mixed.is_fruit.probability == pytest.approx(alone.is_fruit.probability, rel=1e-3)
    for one, other in zip(mixed.results, alone.results, strict=True):
        assert one.fruit == other.fruit
        assert one.score == pytest.approx(other.score, rel=1e-3)
        assert [similar.image for similar in one.similar] == [similar.image for similar in other.similar]
    other_answer = identifier.identify(bad)
    assert other_answer.is_fruit.probability != pytest.approx(alone.is_fruit.probability, rel=0.1)


def test_the_judgement_that_builds_rely_on_knows_nothing_of_quality(
    default_bundle: Path, apple: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("judge measured a photo's quality")

    identifier = Identifier.load(default_bundle)
    dark = WAYS["dark"].spoil(apple, 0.02)
    for name in ("measure", "advice"):
        monkeypatch.setattr(photo_quality, name, forbidden)
    framed = photo.fit(photo.decode(file_of(dark)).pixels, identifier.input_size)
    assert np.isfinite(identifier.judge(identifier.embed(framed[None]))[0].fruits).all()
