"""What became of a crowd of requests: right, refused in form, wrong, or without an answer."""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from batch.synthetic import render
from tests.torture.open_loop import Reply, percentiles

REFUSALS = (429, 503)
Judge = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True)
class Outcomes:
    """Replies by what they are.

    Attributes:
        right: answered 200, and as the judge wants it.
        refused: answered 429 or 503, saying in how many seconds to come back.
        wrong: any other answer.
        lost: no whole answer.
    """

    right: list[Reply]
    refused: list[Reply]
    wrong: list[Reply]
    lost: list[Reply]

    @property
    def all(self) -> list[Reply]:
        """Give all replies."""
        return [*self.right, *self.refused, *self.wrong, *self.lost]

    def add(self, more: "Outcomes") -> None:
        """Take in further replies, without the bodies of those that need no look: a long run has many."""
        self.right.extend(replace(reply, body=b"", headers=None) for reply in more.right)
        self.refused.extend(replace(reply, body=b"") for reply in more.refused)
        self.wrong.extend(more.wrong)
        self.lost.extend(more.lost)

    def with_status(self, status: int) -> list[Reply]:
        """Give the refusals of one status."""
        return [reply for reply in self.refused if reply.status == status]

    def as_counts(self) -> dict[str, int | float | str]:
        """Write them for the table, the bad ones last."""
        lines: dict[str, int | float | str] = {
            "right": len(self.right),
            "right within": percentiles(self.right),
        }
        for status in REFUSALS:
            refused = self.with_status(status)
            lines[f"{status}"] = len(refused)
            if refused:
                lines[f"{status} within"] = percentiles(refused)
        return lines | {"wrong": len(self.wrong), "lost": len(self.lost)}


def sort_out(replies: Iterable[Reply], right: Judge) -> Outcomes:
    """Sort replies by what they are; `right` is asked about the JSON of each 200."""
    outcomes = Outcomes([], [], [], [])
    for reply in replies:
        if reply.status == 0:
            outcomes.lost.append(reply)
        elif reply.status == 200 and right(json.loads(reply.body)):
            outcomes.right.append(reply)
        elif reply.status in REFUSALS and reply.says_when_to_come_back:
            outcomes.refused.append(reply)
        else:
            outcomes.wrong.append(reply)
    return outcomes


def same_as(first: Reply) -> Judge:
    """Make a judge that holds every answer against the first one; only the times in it may differ."""
    assert first.status == 200, first
    expected = _timeless(json.loads(first.body))
    return lambda answer: _timeless(answer) == expected


def phone_photo() -> bytes:
    """Encode a rendered apple as a JPEG of 2 megapixels."""
    apple = Image.open(io.BytesIO(render("apple", 1, seed=11, kind="asked"))).convert("RGB")
    file = io.BytesIO()
    apple.resize((1600, 1200), Image.Resampling.BICUBIC).save(file, "JPEG", quality=60)
    return file.getvalue()


def _timeless(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "timing_ms"}
