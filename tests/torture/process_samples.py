"""What processes hold, sampled while they run: resident memory, descriptors, threads."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil


@dataclass(frozen=True)
class Sample:
    """What some processes held at one moment, in sum.

    Attributes:
        at_s: on the monotonic clock.
        resident_bytes: of memory.
        descriptors: open ones.
        threads: of all of them.
    """

    at_s: float
    resident_bytes: int
    descriptors: int
    threads: int


async def sampled(
    processes: Sequence[psutil.Process], every_s: float, stopped: asyncio.Event
) -> list[Sample]:
    """Sample processes until told to stop; each has to live that long."""
    samples = []
    while not stopped.is_set():
        samples.append(
            Sample(
                time.monotonic(),
                sum(process.memory_info().rss for process in processes),
                sum(process.num_fds() for process in processes),
                sum(process.num_threads() for process in processes),
            )
        )
        await asyncio.sleep(every_s)
    return samples


def growth_of_memory(samples: Sequence[Sample]) -> float:
    """Fit a line through resident memory; give its rise over the samples as a share of their mean."""
    at_s = np.array([sample.at_s for sample in samples])
    resident = np.array([sample.resident_bytes for sample in samples], np.float64)
    slope = np.polyfit(at_s - at_s[0], resident, 1)[0]
    return float(slope * (at_s[-1] - at_s[0]) / resident.mean())


def growth_of_least(counts: Sequence[int]) -> int:
    """Compare the least of the last third with the least of the first third.

    What comes and goes with requests is gone at the least; what is left behind lifts it.
    """
    third = max(1, len(counts) // 3)
    return min(counts[-third:]) - min(counts[:third])
