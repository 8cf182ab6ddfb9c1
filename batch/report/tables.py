"""Writes the tables of the report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from batch.evaluation import Answered
from batch.report.html import (
    NOTHING,
    Column,
    Html,
    bar,
    count,
    grid,
    join,
    paragraph,
    percent,
    plural,
    table,
    tag,
)
from batch.report.words import REFUSALS, SETTINGS, Names, said, setting
from models.records import Rank

_MOST_MISTAKES = 25
_MOST_FRUITS = 500


def confusion_pairs(pairs: Sequence[Mapping[str, Any]], names: Names) -> Html:
    """List the most frequent mistakes."""
    rows = [
        [names[pair["fruit"]], names[pair["said"]], count(pair["count"]), count(pair["of"]), _share(pair)]
        for pair in pairs
    ]
    numbers = [Column("Mistakes", numeric=True), Column("Photos", numeric=True)]
    columns = [Column("Photo shows"), Column("First guess"), *numbers, Column("Share")]
    return table("Most frequent mistakes", columns, rows)


def _share(pair: Mapping[str, Any]) -> Html:
    share = pair["count"] / pair["of"]
    return bar(share, percent(share, 0), "wrong")


def fruit_table(counts: Mapping[str, int], held_out: Answered | None, names: Names) -> Html:
    """List fruits with their photos and, where photos were kept apart, how many are right; worst first."""
    most = max(counts.values(), default=1)
    indexed = {fruit: bar(number / most, count(number)) for fruit, number in counts.items()}
    if held_out is None:
        by_size = sorted(counts, key=lambda fruit: (-counts[fruit], fruit))
        rows: list[list[object]] = [[names[fruit], indexed[fruit]] for fruit in by_size[:_MOST_FRUITS]]
        columns = [Column("Fruit"), Column("Photos in the index")]
        return join(
            [table("Photos in the index, by fruit, most first", columns, rows), _and_more(len(counts))]
        )
    guesses: dict[str, Counter[str]] = {}
    for label, guess in zip(held_out.labels, held_out.guessed, strict=True):
        if label.is_fruit:
            guesses.setdefault(label.fruit, Counter())[guess] += 1
    worst = sorted({*counts, *guesses}, key=lambda fruit: (*_recall(fruit, guesses), fruit))
    rows = [
        [names[fruit], indexed.get(fruit, count(0)), *_outcome(fruit, guesses.get(fruit), names)]
        for fruit in worst[:_MOST_FRUITS]
    ]
    columns = [
        Column("Fruit"),
        Column("Photos in the index"),
        Column("Photos asked", numeric=True),
        Column("Right", numeric=True),
        Column("Share right", "recall"),
        Column("Most often taken for"),
    ]
    caption = "Photos in the index and photos answered right, by fruit, lowest share first"
    return join([table(caption, columns, rows), _and_more(len(worst))])


def _recall(fruit: str, guesses: Mapping[str, Counter[str]]) -> tuple[float, int]:
    """Sort by share right, then by photos; fruits that were not asked come last."""
    own = guesses.get(fruit)
    return (own[fruit] / own.total(), -own.total()) if own else (2.0, 0)


def _outcome(fruit: str, guesses: Counter[str] | None, names: Names) -> Iterable[object]:
    if guesses is None:
        return [count(0), NOTHING, NOTHING, NOTHING]
    asked, right = guesses.total(), guesses[fruit]
    wrong = sorted(((-number, guess) for guess, number in guesses.items() if guess != fruit))[:1]
    taken = [f"{names[guess]} ({count(-number)})" for number, guess in wrong] or [NOTHING]
    return [count(asked), count(right), bar(right / asked, percent(right / asked, 0)), *taken]


def _and_more(fruits: int) -> Html:
    if fruits <= _MOST_FRUITS:
        return Html("")
    return paragraph(f"… and {plural(fruits - _MOST_FRUITS, 'fruit')} more.")


def worst_mistakes(held_out: Answered, names: Names) -> Html:
    """List the wrong answers that were surest of themselves."""
    scores = held_out.judgement.fruits.max(1).tolist()
    wrong = [
        row
        for row, (label, right, answer) in enumerate(
            zip(held_out.labels, held_out.right.tolist(), held_out.answers, strict=True)
        )
        if not right and (label.is_fruit or answer.rank is not Rank.UNKNOWN)
    ]
    worst = sorted(wrong, key=lambda row: (-scores[row], held_out.paths[row]))[:_MOST_MISTAKES]
    if not worst:
        return paragraph("No answer is wrong.")
    guessed = held_out.guessed
    rows = [
        [
            held_out.paths[row],
            names[held_out.labels[row].fruit],
            names[guessed[row]],
            percent(scores[row], 0),
            said(held_out.answers[row], names),
        ]
        for row in worst
    ]
    columns = [
        Column("Photo"),
        Column("Shows"),
        Column("First guess"),
        Column("Score", "", True),
        Column("Answer given"),
    ]
    return tag(
        "div",
        table(f"{plural(len(worst), 'mistake')} of {count(len(wrong))}, surest first", columns, rows),
        class_="paths",
    )


def settings_table(caption: str, values: Mapping[str, Any]) -> Html:
    """List settings with their values."""
    rows = [
        [SETTINGS.get(key, key.replace("_", " ").capitalize()), setting(value)]
        for key, value in values.items()
    ]
    return table(caption, [Column("Setting"), Column("Value", "", True)], rows)


def refusals(rejects: Mapping[str, int], examples: Sequence[tuple[str, str]]) -> Html:
    """Count the photos that could not be used, and name some."""
    codes = sorted(rejects, key=lambda code: (-rejects[code], code))
    rows = [[REFUSALS.get(code, code), count(rejects[code])] for code in codes]
    parts = [table("Photos left out", [Column("Reason"), Column("Photos", "", True)], rows)]
    if examples:
        named = [[path, REFUSALS.get(code, code)] for path, code in examples]
        parts.append(
            tag("div", table("Some of them", [Column("Photo"), Column("Reason")], named), class_="paths")
        )
    return grid(parts)
