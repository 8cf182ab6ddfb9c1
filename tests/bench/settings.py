"""What the benches are asked to measure, and how long: `BENCH_EMBEDDED=500 make bench`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

PREFIX = "BENCH_"


@dataclass(frozen=True)
class BenchSettings:
    """Settings of `make bench`; the field `photos` is the variable `BENCH_PHOTOS`.

    Attributes:
        photos: folder with the unpacked development photographs (phone, web40, fruits360, more, not_fruit),
            or a selection of them; empty unpacks the archives under work/photos once.
        store: store whose current bundle is measured; empty takes the default bundle.
        network: `.tflite` of the new-fruit bench, trained with `--leave-out` on none of its fruits; empty
            takes the default bundle's, which knows them.
        embedded: photos of the embedding bench.
        keras: photos of those that go through Keras, which is slow.
        requests: requests a photo and way of the identify bench.
        rounds: how often each measurement is repeated, in turn with the others.
    """

    photos: str = ""
    store: str = ""
    network: str = ""
    embedded: int = 10_000
    keras: int = 834
    requests: int = 100
    rounds: int = 5

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "BenchSettings":
        """Read the `BENCH_*` variables.

        Raises:
            ValueError: an unknown variable, or a number that is none.
        """
        environ = os.environ if environ is None else environ
        given = {
            name.removeprefix(PREFIX).lower(): environ[name] for name in environ if name.startswith(PREFIX)
        }
        known = {field.name: field.type for field in fields(cls)}
        if unknown := sorted(given.keys() - known.keys()):
            raise ValueError(f"Expected {', '.join(known)} after {PREFIX}, got {', '.join(unknown)}.")
        values: dict[str, Any] = {
            name: int(text) if known[name] is int else text for name, text in given.items()
        }
        return cls(**values)
