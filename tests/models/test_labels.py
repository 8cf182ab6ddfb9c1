"""Folders become labels as the catalogue and a corpus' own labels.csv say."""

import pytest

from models.errors import CorpusError
from models.labels import LabelRules, slug
from models.records import NOT_FRUIT, Label

RULES = LabelRules.default()


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("web40/Black Cherry", Label("cherry", "cherry/black-cherry")),
        ("Black Cherry", Label("cherry", "cherry/black-cherry")),
        ("black_cherry", Label("cherry", "cherry/black-cherry")),
        ("phone/Melon/Watermelon", Label("watermelon")),
        ("Melon/Galia-Melon", Label("melon", "melon/galia")),
        ("phone/Apple/Granny-Smith", Label("apple", "apple/granny-smith")),
        ("more/shop/banana/plantain", Label("banana", "banana/plantain")),
        ("phone/Satsumas/Satsumas", Label("mandarin", "mandarin/satsuma")),
        ("fruits360/Golden 2", Label("apple", "apple/golden-delicious")),
        ("fruits360/Tomato 1", Label("tomato")),
        ("phone/Aubergine/Aubergine", Label("eggplant")),
        ("passion fruit", Label("passion-fruit")),
    ],
)
def test_the_longest_run_of_last_components_decides(folder: str, label: Label) -> None:
    assert RULES.label(folder) == (label, True)


@pytest.mark.parametrize("folder", ["not_fruit", "not_fruit/clothing", "more/Not-Fruit/apple"])
def test_a_path_through_not_fruit_is_negative(folder: str) -> None:
    assert RULES.label(folder) == (Label(NOT_FRUIT), True)


def test_a_root_called_not_fruit_is_negative_whatever_its_folders_are_called() -> None:
    assert RULES.label("apple", root="not_fruit") == (Label(NOT_FRUIT), True)


def test_photos_in_the_root_itself_are_named_by_the_root() -> None:
    assert RULES.label("", root="Kiwis") == (Label("kiwi"), True)


def test_an_unknown_folder_becomes_a_fruit_of_its_own() -> None:
    assert RULES.label("new/Dekopon (large)") == (Label("dekopon-large"), False)


def test_an_unknown_child_of_a_known_folder_is_not_taken_for_its_parent() -> None:
    assert RULES.label("Apple/Juice") == (Label("juice"), False)


def test_labels_csv_goes_before_the_aliases() -> None:
    rules = RULES.with_labels_csv(
        "folder,fruit,variety\nBox 7,apple,apple/granny-smith\napple,pear,\nlid,not_fruit,\n"
    )

    assert rules.label("Box 7")[0] == Label("apple", "apple/granny-smith")
    assert rules.label("apple")[0] == Label("pear")
    assert rules.label("lid")[0] == Label(NOT_FRUIT)
    assert rules.label("kiwi")[0] == Label("kiwi")


def test_a_variety_in_labels_csv_may_leave_its_fruit_out() -> None:
    assert RULES.with_labels_csv("folder,fruit,variety\nx,apple,red\n").label("x")[0] == Label(
        "apple", "apple/red"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,fruit\n", "must begin with the line 'folder,fruit,variety'"),
        ("folder,fruit,variety\nx,Red Apple,\n", "line 2: expected a fruit id"),
        ("folder,fruit,variety\nx,apple,\ny,apple,pear/red\n", "line 3: expected a variety of 'apple'"),
    ],
)
def test_a_malformed_labels_csv_is_refused_by_line(text: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        RULES.with_labels_csv(text)


def test_a_slug_has_no_case_no_spaces_and_no_brackets() -> None:
    assert slug("  Cœur de Bœuf (rouge) ") == "cœur-de-bœuf-rouge"
