"""Finding a fruit by a name in any language, with accents and typing mistakes forgiven."""

import json
import random
from collections.abc import Callable

import pytest

from models.catalogue import Catalogue
from models.catalogue_words import search_form
from models.name_search import Name, NameKind, NameSearch, tolerance
from models.spelling import Spellings

Find = Callable[[str, str], list[str]]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CATALOGUE = Catalogue.default()

# Language, what is typed, the fruit that must come first.
TYPED = """
en aple apple; en banannas banana; en strawbery strawberry; en rasberries raspberry; en pinaple pineapple
en avacado avocado; en tomatos tomato; en aubergin eggplant; en egplant eggplant; en zuchinni zucchini
en Zuchini zucchini; en courgete zucchini; en grapfruit grapefruit; en pommegranate pomegranate
en passion friut passion-fruit; en dragonfruit dragon-fruit; en blackbery blackberry; en kiwis kiwi
en persimon kaki; en starfruit carambola; en watermellon watermelon; en cherrys cherry; en peachs peach
en grany smith apple; en pink laidy apple; en malus domestca apple
fr banannes banana; fr pasteque watermelon; fr kivi kiwi; fr mure blackberry; fr grenade pomegranate
fr framboize raspberry; fr fraizes strawberry; fr serises cherry; fr mirtille blueberry; fr citron ver lime
fr pamplemouse grapefruit; fr anannas pineapple; fr pèches peach; fr abricots apricot; fr concombe cucumber
fr courgetes zucchini; fr obergine eggplant; fr cacahuete peanut; fr figue de barbari cactus-fruit
fr grozeille currant-red; fr clementine mandarin; fr potirron pumpkin; fr noix de cocco coconut
fr coing quince; fr reine claude plum; fr poir pear; fr conferance pear; fr vitis vinifera grape
es sandia watermelon; es platanos banana; es melocoton peach; es albaricoqe apricot; es zanahoria -
es aguacates avocado; es calabasin zucchini; es berengena eggplant; es pinia pineapple; es limones lemon
es naranha orange; es fresas strawberry; es frambueza raspberry; es higo chunbo cactus-fruit
es maracuya passion-fruit; es durazno peach; es mani peanut; es cacauete peanut; es pomelo grapefruit
de Apfel apple; de aepfel apple; de kirshen cherry; de erdbere strawberry; de himberen raspberry
de pfirsisch peach; de wasermelone watermelon; de gurken cucumber; de zitronne lemon; de pflaumen plum
de schwarze johanisbere blackcurrant; de brombere blackberry; de kurbis pumpkin; de aubergienen eggplant
de weintruben grape; de erdnus peanut; de heidelberen blueberry; de blaubeeren blueberry; de birnen pear
it mele apple; it fichi fig; it arance orange; it fragolle strawberry; it lamponni raspberry
it pomodorro tomato; it melanzanne eggplant; it anguira watermelon; it cocomero watermelon
it albicoche apricot; it zuchine zucchini; it ciliege cherry; it pesche peach; it melagrane pomegranate
it fico dindia cactus-fruit; it mirtili blueberry; it cetrioli cucumber; it limonni lemon; it uva grape
"""
CASES = [
    (case.split()[0], " ".join(case.split()[1:-1]), case.split()[-1])
    for line in TYPED.strip().splitlines()
    for case in line.split("; ")
]


def best(typed: str, lang: str) -> str | None:
    found = CATALOGUE.fruits(lang, typed)
    return found[0]["id"] if found else None


@pytest.mark.parametrize(("lang", "typed", "fruit"), CASES)
def test_a_name_is_found_first_although_it_is_mistyped(lang: str, typed: str, fruit: str) -> None:
    assert best(typed, lang) == (None if fruit == "-" else fruit)


@pytest.mark.parametrize(
    "typed",
    ["xq", "qz", "zz", "zzz", "jkl", "lol", "test", "qwerty", "asdfgh", "12345", "!!", "…", "🍎", "яблоко",
     "dog", "house", "potato", "onion", "bread", "pizza", "coffee", "voiture", "chien", "cebolla", "zwiebel",
     "x" * 100],
)  # fmt: skip
def test_what_is_no_fruit_finds_none(typed: str) -> None:
    assert CATALOGUE.fruits("en", typed) == []


def test_nothing_asked_lists_all_by_name() -> None:
    for typed in ("", "  "):
        names = [str(row["name"]) for row in CATALOGUE.fruits("de", typed)]
        assert names == sorted(names, key=search_form)
        assert len(names) == len(CATALOGUE.fruit_ids)


@pytest.mark.parametrize("lang", CATALOGUE.languages)
def test_every_name_plural_variety_and_scientific_name_finds_its_fruit(lang: str) -> None:
    words = json.loads(CATALOGUE.to_json())["words"][lang]
    for fruit in CATALOGUE.fruit_ids:
        for name in (words["fruits"][fruit], words["plurals"][fruit]):
            assert best(name, lang) == fruit, name
            assert best(name.upper(), lang) == fruit, name
        for other in words["synonyms"].get(fruit, []):
            assert fruit in [row["id"] for row in CATALOGUE.fruits(lang, other)][:2], other
        scientific = CATALOGUE.scientific_name(fruit)
        if scientific and scientific.split()[1] != "hybrid" and fruit not in ("peach", "nectarine"):
            assert best(scientific, lang) == fruit, scientific
    for variety in CATALOGUE.variety_ids:
        assert best(CATALOGUE.name(variety, lang), lang) == variety.split("/")[0], variety


def mistyped(name: str, chance: random.Random) -> str:
    """The name with one letter dropped, added, replaced, or swapped with its neighbour."""
    at = chance.randrange(len(name) - 1)
    letter = chance.choice(LETTERS)
    return chance.choice(
        [
            name[:at] + name[at + 1 :],
            name[:at] + letter + name[at:],
            name[:at] + letter + name[at + 1 :],
            name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        ]
    )


@pytest.mark.parametrize(("mistakes", "least_letters", "share"), [(1, 3, 0.98), (2, 8, 0.96)])
def test_names_with_random_mistakes_come_first(mistakes: int, least_letters: int, share: float) -> None:
    chance, asked, first = random.Random(20), 0, 0
    for lang in CATALOGUE.languages:
        for fruit in CATALOGUE.fruit_ids:
            name = CATALOGUE.name(fruit, lang).casefold()
            for _ in range(2 if len(name) >= least_letters else 0):
                typed = name
                for _ in range(mistakes):
                    typed = mistyped(typed, chance)
                asked += 1
                first += best(typed, lang) == fruit
    assert asked > 250
    assert first / asked >= share


def search(*names: tuple[str, str, NameKind, str]) -> Find:
    return NameSearch([Name(text, fruit, kind, lang) for text, fruit, kind, lang in names]).find


def test_an_equal_name_precedes_a_beginning_a_word_a_misspelling_and_an_inside() -> None:
    find = search(
        ("melon", "exact", NameKind.VARIETY, "it"),
        ("melonette", "start", NameKind.NAME, "en"),
        ("great melon tree", "word", NameKind.NAME, "en"),
        ("watermelon", "inside", NameKind.NAME, "en"),
    )
    assert find("melon", "en") == ["exact", "start", "word", "inside"]
    assert find("atermelo", "en") == ["inside"]
    find = search(("melom", "misspelt", NameKind.NAME, "it"), ("watermelons", "inside", NameKind.NAME, "en"))
    assert find("melon", "en") == ["misspelt", "inside"]


def test_at_equal_closeness_the_asked_language_and_the_usual_name_precede() -> None:
    find = search(
        ("pomelo", "a", NameKind.NAME, "es"),
        ("pomelo", "b", NameKind.OTHER_NAME, "fr"),
        ("pomelo", "c", NameKind.NAME, "fr"),
    )
    assert find("pomelo", "fr") == ["c", "b", "a"]
    assert find("pomelo", "es")[0] == "a"
    assert best("pomelo", "en") == "pomelo"
    assert best("pomelo", "es") == "grapefruit"


def test_words_may_come_in_another_order_and_unfinished() -> None:
    assert best("smith granny", "en") == "apple"
    assert best("verde pim", "es") == "bell-pepper"
    assert best("strawb", "en") == "strawberry"
    assert best("stawbe", "en") == "strawberry"


def test_the_longer_the_query_the_more_mistakes_are_forgiven() -> None:
    assert [tolerance(length) for length in (1, 2, 3, 5, 6, 10, 11, 30)] == [0, 0, 1, 1, 2, 2, 3, 3]


def counted(query: str, name: str) -> int:
    """Optimal string alignment by its recurrence, one cell at a time."""
    cost = {(i, 0): i for i in range(len(query) + 1)} | {(0, j): j for j in range(len(name) + 1)}
    for i in range(1, len(query) + 1):
        for j in range(1, len(name) + 1):
            cost[i, j] = min(
                cost[i - 1, j] + 1,
                cost[i, j - 1] + 1,
                cost[i - 1, j - 1] + (query[i - 1] != name[j - 1]),
            )
            if i > 1 and j > 1 and query[i - 1] == name[j - 2] and query[i - 2] == name[j - 1]:
                cost[i, j] = min(cost[i, j], cost[i - 2, j - 2] + 1)
    return cost[len(query), len(name)]


def test_mistakes_are_counted_as_the_recurrence_counts_them() -> None:
    chance = random.Random(5)
    texts = sorted({"".join(chance.choices("abcd", k=chance.randrange(1, 9))) for _ in range(60)})
    spellings = Spellings(texts)
    for _ in range(12):
        query = "".join(chance.choices("abcd", k=chance.randrange(1, 9)))
        for limit in (1, 2, 3):
            positions, whole, start = spellings.near(query, limit)
            found = dict(
                zip(positions.tolist(), zip(whole.tolist(), start.tolist(), strict=True), strict=True)
            )
            for position, text in enumerate(texts):
                exact = counted(query, text)
                nearest = min(counted(query, text[:end]) for end in range(len(text) + 1))
                assert exact > limit or position in found, (query, text)
                for told, true in zip(found.get(position, ()), (exact, nearest), strict=False):
                    assert told == true if true <= limit else told > limit, (query, text)


@pytest.mark.parametrize(
    ("query", "name", "mistakes"),
    [("kivi", "kiwi", 1), ("appel", "apple", 1), ("", "fig", 3), ("banannes", "bananes", 1)],
)
def test_pinned_counts_of_mistakes(query: str, name: str, mistakes: int) -> None:
    _, whole, _ = Spellings([name]).near(query, 3)
    assert whole.tolist() == [mistakes]


def test_a_search_without_names_finds_none() -> None:
    assert NameSearch([]).find("apple", "en") == []
    assert NameSearch([Name("…", "dots", NameKind.NAME, "en")]).find("apple", "en") == []


def test_fruits_that_only_a_folder_named_are_found_too() -> None:
    grown = CATALOGUE.with_fruits(["dekopon"], ["dekopon/sumo-citrus"])
    assert [row["id"] for row in grown.fruits("fr", "dekopom")] == ["dekopon"]
    assert "dekopon" in [row["id"] for row in grown.fruits("fr", "sumo")]
