"""Writes the sections of the report that judge the answers."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from batch.evaluation import Answered
from batch.report.confusion import Confusion, heat_map, look_alike_order
from batch.report.data import ReportData
from batch.report.fruit_or_not import gate_histogram, pass_curves
from batch.report.headline import headline_table, tiles
from batch.report.html import Html, Section, count, figure, grid, join, paragraph, percent, plural, tag
from batch.report.plots import kinds_by_size, reliability_diagram
from batch.report.tables import confusion_pairs, worst_mistakes
from batch.report.words import Names

_MOST_KINDS = 8
_MOST_FRUITS = 60
_MOST_IN_NUMBERS = 12


def accuracy(data: ReportData) -> Section:
    """Give the headline figures."""
    name, title = "accuracy", "How well it answers"
    if data.held_out is None or not data.metrics:
        why = "Too few photos could be kept apart from the index to measure how well it answers."
        return Section(name, title, paragraph(why))
    asked, baseline = data.metrics.get("all", {}), data.baseline or {}
    others = f" and {count(asked['negatives'])} of other things" if asked.get("negatives") else ""
    lead = (
        f"Measured on {plural(asked.get('photos') or 0, 'photo')} of fruit{others}, kept apart from all "
        "fitting together with their near-duplicates; they joined the index after that."
    )
    broken = asked.get("broken")
    unread = f" {count(broken)} of them could not be read and count as wrong." if broken else ""
    against = " Differences are percentage points against the current bundle." if baseline else ""
    before = baseline.get("all", {}).get("photos")
    fewer = f" It was asked {plural(before, 'photo')}." if before not in (None, asked.get("photos")) else ""
    return Section(
        name,
        title,
        paragraph(lead + unread + against + fewer),
        tiles(data.metrics, data.baseline),
        headline_table(data.metrics, data.baseline),
    )


def honesty(held_out: Answered) -> Section:
    """Compare scores with the share that is right, for each kind of photo."""
    kinds = kinds_by_size(held_out.kinds, held_out.is_fruit)
    plots = [_reliability("All photos", held_out)] if len(kinds) > 1 else []
    plots += [_reliability(kind, held_out.of_kind(kind)) for kind, _ in kinds[:_MOST_KINDS]]
    lead = (
        f"On the dashed line a score can be taken at its word: of the answers that score {percent(0.8, 0)}, "
        "eight in ten are right. Below the line scores promise too much, above it too little. Larger dots "
        f"stand for more photos, upright lines are {percent(0.95, 0)} intervals, and the bars at the foot "
        "count the photos by score."
    )
    return Section("honesty", "How far its scores can be believed", paragraph(lead), grid(plots))


def _reliability(kind: str, answered: Answered) -> Html:
    fruit = answered.is_fruit
    scores, right = answered.judgement.fruits[fruit].max(1), answered.right[fruit]
    mean, share = float(scores.mean()), float(right.mean())
    gap = f"{abs(mean - share) * 100:.1f} points too {'sure' if mean > share else 'modest'}"
    verdict = "honest" if abs(mean - share) < 0.01 else gap
    note = f"Mean score {percent(mean)}, right {percent(share)}: {verdict}."
    drawn = reliability_diagram(scores, right, f"Reliability diagram, {kind}. {note}")
    return figure(f"{kind}: {plural(len(scores), 'photo')}", drawn, note)


def confusions(
    data: ReportData,
    held_out: Answered,
    vectors: npt.NDArray[np.float32],
    fruits: Sequence[str],
    names: Names,
) -> Section:
    """Show which fruit is taken for which.

    Args:
        data: of the build.
        held_out: photos kept apart, one of a fruit at least.
        vectors, fruits: of the index, to set look-alikes side by side.
        names: of every fruit.
    """
    pairs = [
        (label.fruit, guess)
        for label, guess in zip(held_out.labels, held_out.guessed, strict=True)
        if label.is_fruit
    ]
    frequent = data.metrics.get("all", {}).get("confusions", [])
    return Section(
        "confusions",
        "What is taken for what",
        paragraph("A first guess is the fruit with the highest score, sure enough to be named or not."),
        confusion_pairs(frequent, names) if frequent else "",
        *_matrices(pairs, vectors, fruits, names),
    )


def _matrices(
    pairs: Sequence[tuple[str, str]], vectors: npt.NDArray[np.float32], fruits: Sequence[str], names: Names
) -> list[Html]:
    """Draw the fruits most often mistaken in numbers, and all as far as there is room."""
    by_mistakes = _most_mistaken(pairs)
    if len(by_mistakes) < 2:
        return [paragraph("Only one fruit was asked.")]
    kept = look_alike_order(vectors, fruits, by_mistakes[:_MOST_FRUITS])
    which = f"The {len(kept)} of {count(len(by_mistakes))} fruits with the most mistakes"
    title = "Every fruit that was asked" if len(kept) == len(by_mistakes) else which
    every = f"{title}, look-alikes side by side"
    if len(kept) <= _MOST_IN_NUMBERS:
        return [_matrix(every, Confusion.of(pairs, kept), names, numbers=True)]
    few = [fruit for fruit in kept if fruit in by_mistakes[:_MOST_IN_NUMBERS]]
    worst = f"Photos of the {_MOST_IN_NUMBERS} fruits with the most mistakes"
    return [
        _matrix(worst, Confusion.of(pairs, few), names, numbers=True),
        _matrix(every, Confusion.of(pairs, kept), names, numbers=False),
    ]


def _most_mistaken(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Order the fruits shown by mistakes, as what was shown or as what was guessed, most first."""
    asked = {shown for shown, _ in pairs}
    mistakes = Counter(fruit for pair in pairs if pair[0] != pair[1] for fruit in pair)
    return sorted(asked, key=lambda fruit: (-mistakes[fruit], fruit))


def _matrix(title: str, confusion: Confusion, names: Names, *, numbers: bool) -> Html:
    return tag("div", figure(title, heat_map(confusion, names, numbers=numbers)), class_="wide")


def mistakes(held_out: Answered | None, names: Names) -> Section:
    """List the wrong answers that were surest of themselves."""
    body = paragraph("No photo was kept apart.") if held_out is None else worst_mistakes(held_out, names)
    return Section("mistakes", "Worst mistakes", body)


def gate(held_out: Answered | None) -> Section:
    """Show how fruits are told from everything else."""
    name, title = "gate", "Fruit or not"
    if held_out is None or held_out.is_fruit.all() or not held_out.is_fruit.any():
        why = "Not measured: that takes photos of fruit and of other things, kept apart from the index."
        return Section(name, title, paragraph(why))
    scores, fruit, threshold = held_out.judgement.is_fruit, held_out.is_fruit, held_out.threshold
    passing, slipping = (percent(float((scores[one] >= threshold).mean())) for one in (fruit, ~fruit))
    of_fruit, of_others = (plural(int(one.sum()), "photo") for one in (fruit, ~fruit))
    lead = (
        f"A photo counts as a fruit from a probability of {percent(threshold)} on, the dashed line: "
        f"so do {passing} of {of_fruit} of fruit, and {slipping} of {of_others} of other things."
    )
    plots = [
        figure("How probable a fruit seems in each photo", gate_histogram(scores, fruit, threshold)),
        figure("What other thresholds would let through", pass_curves(scores, fruit, threshold)),
    ]
    return Section(name, title, join([paragraph(lead), grid(plots)]))
