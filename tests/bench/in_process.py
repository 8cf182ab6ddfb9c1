"""The work of /identify in one process without HTTP: what the API could at best do on the same cores.

Run as a program it loads a bundle, answers one photo and prints the length of its JSON:
`python -m tests.bench.in_process BUNDLE PHOTO`.
"""

import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from models import photo
from models.identifier import SEARCHED_NEIGHBOURS, Identifier
from models.neighbours import Neighbours

_loaded: list[Identifier] = []


class AtBest:
    """Decoding, network and search with nothing around them."""

    def __init__(self, bundle: Path) -> None:
        self._identifier = Identifier.load(bundle)
        self._neighbours = Neighbours.from_bytes((bundle / "index.faiss").read_bytes())

    def ms(self, data: bytes) -> float:
        """Find the neighbours of a photo; gives the milliseconds that it took."""
        started = time.perf_counter()
        framed = photo.fit(photo.decode(data).pixels, self._identifier.input_size)
        vectors = self._identifier.projection.project(self._identifier.embed(framed[None]))
        self._neighbours.search(vectors, SEARCHED_NEIGHBOURS)
        return 1000 * (time.perf_counter() - started)

    def best(self, data: bytes) -> str:
        """Name the fruit that this process puts first."""
        return self._identifier.identify([data]).results[0].fruit


def whole_answer(identifier: Identifier, data: bytes) -> bytes:
    """Make the very JSON that /identify sends, its timings apart."""
    from api.identify import describe

    return json.dumps(describe(identifier.identify([data]), identifier, "en", 0.0)).encode()


@contextmanager
def processes(count: int, bundle: Path) -> Iterator[ProcessPoolExecutor]:
    """Start processes that hold a bundle."""
    # Spawned, not forked: the caller holds threads that do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, _load, (bundle,)) as pool:
        yield pool


def cpu_s_an_answer(pools: Sequence[ProcessPoolExecutor], photos: Sequence[bytes], seconds: float) -> float:
    """Let one process of each pool answer photos in turn for so long; gives the CPU seconds of one answer."""
    running = [pool.submit(_answer_for, photos, seconds) for pool in pools]
    done = [future.result() for future in running]
    return sum(spent for spent, _ in done) / sum(answers for _, answers in done)


def _load(bundle: Path) -> None:
    _loaded.append(Identifier.load(bundle))


def _answer_for(photos: Sequence[bytes], seconds: float) -> tuple[float, int]:
    for data in photos:
        whole_answer(_loaded[0], data)
    answers, end = 0, time.perf_counter() + seconds
    started = time.process_time()
    while time.perf_counter() < end:
        whole_answer(_loaded[0], photos[answers % len(photos)])
        answers += 1
    return time.process_time() - started, answers


if __name__ == "__main__":
    print(len(whole_answer(Identifier.load(Path(sys.argv[1])), Path(sys.argv[2]).read_bytes())), flush=True)
