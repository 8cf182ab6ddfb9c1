"""Memory that C code has freed, given back to the system.

glibc keeps what is freed in pools, eight a core for many threads. A bundle is loaded in one thread, used in
many and freed in any of them: untrimmed, a worker's pools held 60 MB that nobody used, and more with each
swap. Trimmed, they still crept up to what each had held at its fullest, by 50 MB: two pools are enough for
threads of which Python lets one run at a time.
"""

import ctypes

# malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_POOLS = 2
# Unset, glibc raises the second to 32 MB by itself, and hoards blocks of that size: photos.
_LARGE_BYTES, _HOARDED_BYTES = 2_000_000, 4_000_000


def give_back_freed_memory() -> bool:
    """Give back what all pools hold and nobody uses; tell whether this C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)
    return True


def keep_little_freed_memory() -> bool:
    """Have few pools, and large blocks go back to the system as soon as they are freed; tell whether this C
    library can.

    It is a setting of the process and of those forked from it, from now on.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    chosen = (
        (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        (_M_TRIM_THRESHOLD, _HOARDED_BYTES),
        (_M_ARENA_MAX, _POOLS),
    )
    return all(set_option(option, value) == 1 for option, value in chosen)
