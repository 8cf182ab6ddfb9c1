"""The process in which `models.photo_apart` has a photo decoded: bytes in, one line and pixels out."""

import json
import os
import resource
import sys

# The interpreter, the decoders' threads and their stacks, the file; most of it is never touched.
_BESIDE_BYTES = 120_000_000
_MOST_CPU_S = 10
_CORES = 2


def main() -> None:
    """Decode what comes in, within limits that the system enforces."""
    orders = json.loads(sys.argv[1])
    # As many threads as cores would each set memory aside, for their stacks alone.
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[(os.getpid() + number) % len(cores)] for number in range(_CORES)})
    memory = orders["limits"]["max_memory_bytes"] + _BESIDE_BYTES
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, _MOST_CPU_S),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    # Imported under the limits.
    from models.errors import PhotoError
    from models.photo import PhotoLimits, decode

    limits = PhotoLimits(**{**orders["limits"], "in_process_bytes": None})
    try:
        photo = decode(sys.stdin.buffer.read(), working_side_px=orders["working_side_px"], limits=limits)
    except PhotoError as error:
        sys.stdout.write(json.dumps({"code": error.code, "message": str(error)}) + "\n")
        return
    rows = photo.pixels.shape[0]
    told = {"format": photo.format, "width": photo.width, "height": photo.height, "rows": rows}
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
    sys.stdout.buffer.write(photo.pixels.data)


if __name__ == "__main__":
    main()
