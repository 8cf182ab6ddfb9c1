"""Writes the markup of the report: whatever is not markup already is escaped on its way in."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NARROW_SPACE = "\u202f"
NOTHING = "–"
_VOID = {"meta", "link", "br", "line", "rect", "circle", "path"}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def escape(value: object) -> Html:
    """Make any text harmless: markup, control characters, reversed writing, names that are no Unicode."""
    if isinstance(value, Html):
        return value
    return Html(html.escape("".join(one if _harmless(one) else _spelled(one) for one in str(value))))


def _harmless(letter: str) -> bool:
    return letter.isprintable() or letter == NARROW_SPACE


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Write an element.

    Args:
        name: of the element.
        children: `Html` as it is, anything else escaped.
        attributes: `class_` and `text_anchor` become `class` and `text-anchor`; None leaves one out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not children:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """Put pieces one after another."""
    return Html("".join(escape(part) for part in parts))


def _value(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escape(value)


def percent(share: float | None, decimals: int = 1) -> str:
    """Write a share of 0..1 in per cent; only all is 100 % and only none is 0 %, however it is rounded."""
    if share is None:
        return NOTHING
    least = 10.0**-decimals
    shown = 100 * share if share in (0, 1) else min(max(100 * share, least), 100 - least)
    return f"{shown:.{decimals}f}{NARROW_SPACE}%"


def count(number: float | None) -> str:
    """Write a whole number with its thousands apart."""
    return NOTHING if number is None else f"{number:,.0f}"


def plural(number: int, noun: str) -> str:
    """Write `1 photo`, `2 photos`."""
    return f"{count(number)} {noun}" + ("" if number == 1 else "s")


def bar(share: float, label: str, css: str | None = None) -> Html:
    """Draw a share of 0..1 as a bar beside its number."""
    full = tag("span", style=f"width:{100 * min(max(share, 0.0), 1.0):.1f}%", class_=css)
    return tag("span", tag("span", full, class_="bar", aria_hidden="true"), label, class_="barred")


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading in plain words, the field's own word below it, how it is set."""

    title: str
    term: str = ""
    numeric: bool = False


def table(
    caption: str, columns: Sequence[Column], rows: Iterable[Sequence[object]], total: Sequence[object] = ()
) -> Html:
    """Write a table whose first cells are headings of their rows; it scrolls sideways on a phone.

    Args:
        caption: says what the table shows.
        columns: headings.
        rows: cells.
        total: cells of a last row.
    """
    head = [
        tag(
            "th",
            column.title,
            tag("small", column.term) if column.term else "",
            scope="col",
            class_=_kind(column),
        )
        for column in columns
    ]
    body = [_row(columns, row) for row in rows]
    foot = tag("tfoot", _row(columns, total)) if total else ""
    return scrolling(
        caption,
        tag(
            "table",
            tag("caption", tag("span", caption)),
            tag("thead", tag("tr", *head)),
            tag("tbody", *body),
            foot,
        ),
    )


def _row(columns: Sequence[Column], cells: Sequence[object]) -> Html:
    first, *others = [
        tag("td" if place else "th", cell, scope=None if place else "row", class_=_kind(column))
        for place, (column, cell) in enumerate(zip(columns, cells, strict=True))
    ]
    return tag("tr", first, *others)


def _kind(column: Column) -> str | None:
    return "n" if column.numeric else None


def scrolling(label: str, content: Html) -> Html:
    """Let wide content scroll in its own frame, also from the keyboard."""
    return tag("div", content, class_="scroll", role="group", aria_label=label, tabindex="0")


def figure(title: object, drawing: Html, note: object = "") -> Html:
    """Put a drawing under a title that says what is seen."""
    caption = tag("figcaption", tag("strong", title), tag("span", note) if note else "")
    return tag("figure", caption, drawing)


def grid(parts: Iterable[Html]) -> Html:
    """Set pieces side by side where there is room."""
    pieces = list(parts)
    return tag("div", *pieces, class_="grid two" if len(pieces) in (2, 4) else "grid")


class Section:
    """A part of the page with a heading that the contents link to."""

    def __init__(self, name: str, title: str, *parts: object) -> None:
        self.name, self.title, self.parts = name, title, parts

    def html(self) -> Html:
        """Write it."""
        heading = tag("h2", self.title, id=f"{self.name}-title")
        return tag("section", heading, *self.parts, id=self.name, aria_labelledby=f"{self.name}-title")


def paragraph(*parts: object, css: str | None = None) -> Html:
    """Write a paragraph."""
    return tag("p", *parts, class_=css)


def bullets(items: Sequence[object], most: int, noun: str, css: str | None = None) -> Html:
    """Write a list, its tail counted rather than shown."""
    more = [f"… and {plural(len(items) - most, noun)} more"] if len(items) > most else []
    return tag("ul", *[tag("li", item) for item in [*items[:most], *more]], class_=css)
