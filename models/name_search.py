"""Finds fruits by any of their names, in any language, also when the name is misspelt or only begun.

Written here because a library for it would add some 10 MB to the API's image, for a thousand names.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from models.catalogue_words import search_form
from models.spelling import Spellings

# From so many letters on a part of a name, a misspelt word of one and a misspelt beginning say something.
_LEAST_INSIDE, _LEAST_WORD, _LEAST_BEGUN = 3, 5, 6
# With fewer letters to a mistake than this, a query must at least begin as the name does.
_LETTERS_TO_A_MISTAKE = 3.5


class NameKind(IntEnum):
    """What a name is, the most telling first."""

    NAME = 0
    OTHER_NAME = 1
    VARIETY = 2
    SCIENTIFIC = 3


class _Match(IntEnum):
    """How a query met a name, the closest first."""

    EXACT = 0
    START = 1
    WORD_STARTS = 2
    MISSPELT = 3
    INSIDE = 4
    MISSPELT_WORD = 5
    MISSPELT_START = 6


@dataclass(frozen=True)
class Name:
    """One name of a fruit.

    Attributes:
        text: as it is written.
        fruit: id of the fruit.
        kind: what the name is.
        lang: its language, None for a scientific name.
    """

    text: str
    fruit: str
    kind: NameKind
    lang: str | None


@dataclass(frozen=True)
class _Form:
    """A name as it is compared, with everybody who bears it."""

    text: str
    words: tuple[str, ...]
    owners: tuple[Name, ...]


_Met = list[tuple[_Form, _Match, int]]


class NameSearch:
    """Searches names; read-only, safe to share between threads.

    Args:
        names: all of them; several fruits may bear the same one.
    """

    def __init__(self, names: Iterable[Name]) -> None:
        owners: dict[str, list[Name]] = defaultdict(list)
        for name in names:
            owners[search_form(name.text)].append(name)
        self._forms = tuple(
            _Form(text, tuple(text.split()), tuple(dict.fromkeys(bearers)))
            for text, bearers in owners.items()
            if text
        )
        self._with_word: dict[str, list[_Form]] = defaultdict(list)
        for form in self._forms:
            for word in form.words if len(form.words) > 1 else ():
                if len(word) >= _LEAST_WORD:
                    self._with_word[word].append(form)
        self._words = tuple(self._with_word)
        self._spelt_forms = Spellings([form.text for form in self._forms])
        self._spelt_words = Spellings(self._words)

    def find(self, query: str, lang: str) -> list[str]:
        """Return the ids of the fruits whose names answer `query`, best first, each once.

        A name that is the query comes first, then names that start with it, names whose words its words
        start, misspelt names, and names that hold it. The query counts as misspelt only when none starts with
        it. At equal closeness names of language `lang` come before others, and short ones before long ones.
        """
        wanted = search_form(query)
        met = self._written(wanted) if wanted else []
        if all(match is _Match.INSIDE for _, match, _ in met):
            met += self._misspelt(wanted)
        ranked = sorted(
            ((match, mistakes, _standing(owner, lang), len(form.text), owner.fruit), owner.fruit)
            for form, match, mistakes in met
            for owner in form.owners
        )
        return list(dict.fromkeys(fruit for _, fruit in ranked))

    def _written(self, wanted: str) -> _Met:
        words = wanted.split()
        met: _Met = []
        for form in self._forms:
            if form.text.startswith(wanted):
                met.append((form, _Match.EXACT if form.text == wanted else _Match.START, 0))
            elif len(form.words) > 1 and all(_starts_any(word, form.words) for word in words):
                met.append((form, _Match.WORD_STARTS, 0))
            elif len(wanted) >= _LEAST_INSIDE and wanted in form.text:
                met.append((form, _Match.INSIDE, 0))
        return met

    def _misspelt(self, wanted: str) -> _Met:
        limit = tolerance(len(wanted))
        if not limit:
            return []
        whole: _Met = []
        begun: _Met = []
        for position, mistakes, mistakes_begun in zip(*self._spelt_forms.near(wanted, limit), strict=True):
            form = self._forms[position]
            if mistakes <= limit and _alike(wanted, form.text, mistakes):
                whole.append((form, _Match.MISSPELT, int(mistakes)))
            elif mistakes_begun <= 1 and len(wanted) >= _LEAST_BEGUN:
                begun.append((form, _Match.MISSPELT_START, int(mistakes_begun)))
        return whole or [*self._with_misspelt_word(wanted, limit), *begun]

    def _with_misspelt_word(self, wanted: str, limit: int) -> _Met:
        if len(wanted) < _LEAST_WORD:
            return []
        return [
            (form, _Match.MISSPELT_WORD, int(mistakes))
            for position, mistakes, _ in zip(*self._spelt_words.near(wanted, limit), strict=True)
            if mistakes <= limit and _alike(wanted, self._words[position], mistakes)
            for form in self._with_word[self._words[position]]
        ]


def tolerance(length: int) -> int:
    """Return how many mistakes a query of `length` letters may hold.

    None below 3 letters, where anything is near anything; one up to 5, two up to 10, then three.
    """
    return 0 if length < 3 else 1 if length < 6 else 2 if length < 11 else 3


def _alike(wanted: str, name: str, mistakes: int) -> bool:
    return len(wanted) >= _LETTERS_TO_A_MISTAKE * mistakes or wanted[0] == name[0]


def _standing(name: Name, lang: str) -> tuple[bool, NameKind]:
    """Sorts names of the asked language before others, and telling kinds before others."""
    return name.lang not in (lang, None), name.kind


def _starts_any(word: str, words: tuple[str, ...]) -> bool:
    return any(other.startswith(word) for other in words)
