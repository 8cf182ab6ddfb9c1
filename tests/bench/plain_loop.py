"""Embeds photos in a plain loop over a few processes: what Spark could at best do on the same cores."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.embedder import Embedder
from models.photo import decode, fit

BATCH = 32
_loaded: list[Embedder] = []


@contextmanager
def processes(count: int, network: bytes, feature_tensor: str | None) -> Iterator[ProcessPoolExecutor]:
    """Start processes that hold the network."""
    # Spawned, not forked: the caller holds threads of Spark that do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, partial(_load, network, feature_tensor)) as pool:
        yield pool


def embed_files(pool: ProcessPoolExecutor, paths: Sequence[Path]) -> npt.NDArray[np.float32]:
    """Decode, frame and embed photos: float32 (n, d_cnn)."""
    batches = [paths[first : first + BATCH] for first in range(0, len(paths), BATCH)]
    return np.concatenate(list(pool.map(_embed, batches)))


def _load(network: bytes, feature_tensor: str | None) -> None:
    _loaded.append(Embedder.load(network, feature_tensor))


def _embed(paths: Sequence[Path]) -> npt.NDArray[np.float32]:
    embedder = _loaded[0]
    framed = [fit(decode(path.read_bytes()).pixels, embedder.input_size) for path in paths]
    return embedder.embed(np.stack(framed))
