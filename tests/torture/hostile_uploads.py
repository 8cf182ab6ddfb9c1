"""Thousands of uploads that mean harm, each by its number alone, and what became of them."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count

from tests.bench.client import Client
from tests.torture.http_abuse import abuse, slowness
from tests.torture.mutated_photos import mutated_photo, originals
from tests.torture.photo_bombs import bombs, polyglots
from tests.torture.raw_http import TYPE, Reply, Spoken, form, post, speak

SLOWEST_S = 30.0
_AT_ONCE, _SLOW_AT_ONCE = 4, 6
# Of a hundred.
_BOMBS, _POLYGLOTS, _ABUSE = 6, 6, 20
_TYPES = (
    TYPE,
    "Content-Type: image/png",
    "Content-Type: image/heic",
    "Content-Type: application/octet-stream",
)
_PART = 'Content-Disposition: form-data; name="photo"; filename="IMG_1.jpg"\r\nContent-Type: image/jpeg'


@dataclass(frozen=True)
class Hostile:
    """One upload; `kind` groups them, `name` says what exactly it is."""

    number: int
    kind: str
    name: str
    spoken: Spoken

    def __str__(self) -> str:
        return f"{self.number} ({self.kind}: {self.name})"


class Outcomes:
    """What became of uploads: counts, and a line for each that went wrong."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self.slowest_s = 0.0
        self._lock = threading.Lock()

    def add(self, hostile: Hostile, reply: Reply, seconds: float) -> None:
        """Judge one answer."""
        answer, fault = _judged(hostile.spoken, reply)
        if seconds > SLOWEST_S:
            fault = f"answered after {seconds:.1f} s"
        with self._lock:
            self.kinds[hostile.kind] += 1
            self.answers[answer] += 1
            self.slowest_s = max(self.slowest_s, seconds)
            if fault:
                self.faults.append(f"{hostile}: {fault}: {reply.status} {reply.headers} {reply.body[:200]!r}")

    def add_failure(self, hostile: Hostile, error: Exception) -> None:
        """Note an upload that could not even be judged."""
        with self._lock:
            self.faults.append(f"{hostile}: {error!r}")


class GoodClient:
    """Somebody who keeps asking about photographs of fruit while all that goes on."""

    def __init__(self, base: str, photos: Sequence[tuple[str, bytes]]) -> None:
        self.milliseconds: list[float] = []
        self.failures: list[str] = []
        self._base, self._photos = base, photos
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "GoodClient":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        for turn in count():
            fruit, photo = self._photos[turn % len(self._photos)]
            try:
                with Client(self._base) as client:
                    answer = client.identify(photo)
            except (AssertionError, OSError, ValueError) as error:
                self.failures.append(f"{fruit}: {error!r}"[:500])
            else:
                self.milliseconds.append(answer.ms)
                if (found := answer.body["results"][0]["fruit"]) != fruit:
                    self.failures.append(f"{fruit} was taken for {found}")
            if self._ended.wait(0.1):
                return


def hostile_upload(number: int, megapixels: int) -> Hostile:
    """Make one upload: by its number, and by how large the bombs are."""
    chance = random.Random(number)
    drawn = chance.randrange(100)
    if drawn < _ABUSE:
        kind, spoken = abuse(chance, originals()["JPEG"])
        return Hostile(number, "abuse of HTTP", kind, spoken)
    if drawn < _ABUSE + _BOMBS:
        name, data = chance.choice(sorted(bombs(megapixels).items()))
        return Hostile(number, "bomb", name, _sent(chance, data))
    if drawn < _ABUSE + _BOMBS + _POLYGLOTS:
        name, data = chance.choice(sorted(polyglots().items()))
        return Hostile(number, "polyglot", name, _sent(chance, data))
    mutated = mutated_photo(number)
    return Hostile(number, "mutated photo", mutated.name, _sent(chance, mutated.data))


def slow_upload(number: int) -> Hostile:
    """Make one upload that takes longer than it may."""
    name, spoken = slowness(random.Random(number), originals()["JPEG"])
    return Hostile(number, "slow sender", name, spoken)


def send_all(port: int, uploads: int, slow: int, megapixels: int) -> Outcomes:
    """Send so many uploads, some at the same time, and beside them so many slow ones."""
    outcomes = Outcomes()
    # Encoded here, once: the encoders keep things in common that threads must not change at the same time.
    _ = originals(), polyglots(), bombs(megapixels)

    def send(make: Callable[[int], Hostile], number: int) -> None:
        hostile = make(number)
        started = time.monotonic()
        try:
            outcomes.add(hostile, speak(port, hostile.spoken), time.monotonic() - started)
        except Exception as error:  # noqa: BLE001 - whatever a client may meet is a finding
            outcomes.add_failure(hostile, error)

    with ThreadPoolExecutor(_AT_ONCE) as senders, ThreadPoolExecutor(_SLOW_AT_ONCE) as slow_senders:
        for number in range(slow):
            slow_senders.submit(send, slow_upload, number)
        make = partial(hostile_upload, megapixels=megapixels)
        for number in range(uploads):
            senders.submit(send, make, number)
    return outcomes


def _sent(chance: random.Random, photo: bytes) -> Spoken:
    if chance.random() < 0.5:
        return Spoken((post(photo, chance.choice(_TYPES)),))
    photos = [photo, *_more(chance)]
    chance.shuffle(photos)
    return Spoken((form((_PART, one) for one in photos),))


def _more(chance: random.Random) -> Iterator[bytes]:
    if chance.random() < 0.2:
        for _ in range(chance.randrange(1, 5)):
            yield originals()[chance.choice(sorted(originals()))]


def _judged(spoken: Spoken, reply: Reply) -> tuple[str, str | None]:
    """Say how an upload was answered, and what is wrong about that."""
    if reply.status == 0:
        if spoken.hangs_up:
            return "hung up", None
        return "closed", None if spoken.unanswered else "closed without an answer"
    if reply.is_gunicorns:
        # The server itself says 501 to a transfer coding that it does not know, and 505 to another HTTP.
        wrong = reply.status >= 500 and reply.status not in (501, 505)
        return f"{reply.status} before the application", "a fault of the server" if wrong else None
    if reply.status == 503 and reply.is_problem and "retry-after" in reply.headers:
        return "503", None
    if reply.status >= 500:
        return str(reply.status), "a fault of the server"
    if reply.status >= 400 and reply.body and not reply.is_problem:
        return str(reply.status), "no problem document"
    return str(reply.status), None
