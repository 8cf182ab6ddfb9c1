"""The rendered corpus: the same seed gives the same bytes, and no photo comes twice."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch.synthetic import FRUIT_IDS, KINDS, render, render_corpus
from batch.synthetic.canvas import Canvas
from batch.synthetic.scenes import STYLES
from models.catalogue import Catalogue
from models.errors import SettingsError
from models.photo import decode


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.jpg"))
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("corpus")
    assert render_corpus(folder, photos_per_fruit=3, negatives=20, seed=5) == 3 * len(FRUIT_IDS) + 20
    return folder


def test_every_fruit_and_not_fruit_get_their_folder_and_number_of_photos(corpus: Path) -> None:
    counts = {folder.name: len(list(folder.iterdir())) for folder in corpus.iterdir()}
    assert counts == {**dict.fromkeys(FRUIT_IDS, 3), "not_fruit": 20}
    assert (corpus / "apple" / "0002.jpg").is_file()
    assert len(FRUIT_IDS) >= 12


def test_every_rendered_fruit_is_known_to_the_catalogue() -> None:
    catalogue = Catalogue.default()
    assert [fruit for fruit in FRUIT_IDS if catalogue.fruit(fruit, "en") is None] == []


def test_no_two_photos_of_a_corpus_are_the_same(corpus: Path) -> None:
    found = digests(corpus)
    assert len(set(found.values())) == len(found)


def test_the_same_seed_gives_the_same_bytes_however_the_work_is_split(corpus: Path) -> None:
    found = digests(corpus)
    for name in ("apple/0000.jpg", "grape/0002.jpg", "watermelon/0001.jpg"):
        fruit, file = name.split("/")
        again = render(fruit, int(file[:4]), seed=5)
        assert hashlib.sha256(again).hexdigest() == found[name]


def test_another_seed_kind_or_number_gives_another_photo() -> None:
    photos = [render("pear", 0, seed=5), render("pear", 0, seed=6), render("pear", 1, seed=5)]
    photos.append(render("pear", 0, seed=5, kind="asked"))
    assert len(set(photos)) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_photos_have_the_size_of_their_kind_and_are_not_flat(kind: str) -> None:
    for fruit in FRUIT_IDS:
        photo = decode(render(fruit, 7, kind=kind))
        assert max(photo.width, photo.height) == STYLES[kind].long_side_px
        assert min(photo.width, photo.height) >= 0.75 * STYLES[kind].long_side_px
        assert photo.pixels.std() > 10


def test_the_two_kinds_of_scene_share_no_ground_and_no_light() -> None:
    corpus, asked = STYLES["corpus"], STYLES["asked"]
    assert not {*corpus.grounds} & {*asked.grounds}
    assert corpus.light_x[1] < asked.light_x[0]
    assert corpus.grain[1] <= asked.grain[0]
    assert asked.quality[1] < corpus.quality[0]


def test_progress_reaches_the_number_of_photos(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    written = render_corpus(
        tmp_path, photos_per_fruit=1, negatives=4, kind="asked", on_progress=lambda *step: seen.append(step)
    )
    assert seen[-1] == (written, written)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_unknown_kind_or_a_negative_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="corpus, asked"):
        render_corpus(tmp_path, kind="studio")
    with pytest.raises(SettingsError, match="negative"):
        render_corpus(tmp_path, photos_per_fruit=-1)
    assert list(tmp_path.iterdir()) == []


def test_a_ball_is_lit_from_where_the_light_stands() -> None:
    canvas = Canvas(100, 2.0, (-1, 0, 0.3), np.random.default_rng(0))
    canvas.paint(canvas.ball(0, 0, 0.8), np.full(3, 0.8, np.float32), gloss=0)
    grey = canvas.rgb.mean(-1)
    assert grey[50, 30] > 2 * grey[50, 70]
    assert abs(float(canvas.alpha.sum()) * canvas.px**2 - np.pi * 0.8**2) < 0.01


def test_bananas_are_yellow_and_blueberries_are_blue() -> None:
    def middle(fruit: str) -> np.ndarray:
        pixels = [
            np.asarray(Image.open(io.BytesIO(render(fruit, n))).resize((8, 8)))[3:5, 3:5] for n in range(6)
        ]
        return np.mean(pixels, (0, 1, 2))

    red, green, blue = middle("banana")
    assert min(red, green) > blue + 30
    red, green, blue = middle("blueberry")
    assert blue > red + 15
