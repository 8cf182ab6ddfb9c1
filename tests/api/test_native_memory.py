"""Freed memory goes back to the system."""

import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from api.native_memory import give_back_freed_memory

ROOT = Path(__file__).resolve().parents[2]
SETTING = """
import sys
from api.native_memory import keep_little_freed_memory
if sys.argv[1] == "set":
    assert keep_little_freed_memory()
"""
HOARDED = """
import ctypes, psutil
malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def use():
    free(malloc(20_000_000))
    blocks = [malloc(16_000_000) for _ in range(6)]
    for block in blocks:
        ctypes.memset(block, 1, 16_000_000)
    kept.append(malloc(1_000_000))
    for block in blocks:
        free(block)
kept = []
before = psutil.Process().memory_info().rss
use()
print(psutil.Process().memory_info().rss - before)
"""
POOLS = """
import ctypes, threading
library = ctypes.CDLL(None)
library.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
together = threading.Barrier(10)
def use():
    together.wait()
    bytearray(5_000)
    together.wait()
threads = [threading.Thread(target=use) for _ in range(10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
"""
CONFIGURED = "import runpy; runpy.run_path('api/gunicorn.conf.py')"
ARROW = "import pyarrow; print(pyarrow.default_memory_pool().backend_name)"


def printed(script: str, way: str) -> str:
    """Run a script in a process of its own, with the settings or without, and give what it prints."""
    command = [sys.executable, "-c", SETTING + script, way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_many_threads_share_two_pools() -> None:
    pools = {way: printed(POOLS, way).count("<heap nr=") for way in ("unset", "set")}
    assert pools["unset"] > 2
    assert pools["set"] == 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_what_a_thread_has_freed_in_small_pieces_is_given_back() -> None:
    def fill_and_free() -> None:
        # Below the size for which glibc asks the system directly; the one that is kept holds the pool's top.
        pieces = [np.ones(8_000, np.uint8) for _ in range(20_000)]
        kept.append(pieces[-1])

    kept: list[np.ndarray] = []
    thread = threading.Thread(target=fill_and_free)
    thread.start()
    thread.join()
    process = psutil.Process()
    before = process.memory_info().rss
    assert give_back_freed_memory()
    assert before - process.memory_info().rss > 80_000_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_large_blocks_go_back_to_the_system_when_they_are_freed() -> None:
    kept = {way: int(printed(HOARDED, way)) for way in ("unset", "set")}
    assert kept["unset"] > 50_000_000
    assert kept["set"] < 10_000_000


@pytest.mark.parametrize(("first", "backend"), [("", "mimalloc"), (CONFIGURED, "system")])
def test_arrow_has_no_pools_of_its_own_under_gunicorn(first: str, backend: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ARROW_")}
    command = [sys.executable, "-c", f"{first}\n{ARROW}"]
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == backend
