"""Builds one corpus twice, with Spark on the threads of this machine and on a cluster of a master and two
workers, and compares the bundles byte by byte. Run by `make cluster-demo`.

Everything lies under work/cluster-demo, which is left out of version control and can be removed at any time.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from batch.synthetic import render_corpus
from examples.cluster import local_cluster
from examples.local_server import ROOT, DemoFailed, exit_code_of

SAME = ("projection.npz", "index.faiss", "rows.parquet", "decision.npz", "catalogue.json", "network.tflite")
"""Files of a bundle that follow from the photos and the network alone; manifest and report also say when."""
PHOTOS_PER_FRUIT = 40
NEGATIVES = 80


def main() -> int:
    """Run both builds; return 0, 1 when something failed or differs, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m examples.cluster_demo", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "work" / "cluster-demo", help="folder to work in")
    parser.add_argument("--photos", type=int, default=PHOTOS_PER_FRUIT, help="of each fruit (default: 40)")
    given = parser.parse_args()
    return exit_code_of(lambda: _run(given.work.resolve(), given.photos))


def differing(first: Path, second: Path) -> list[str]:
    """Name the files of two bundles that should have the same bytes and have not."""
    return [name for name in SAME if _sha256(first / name) != _sha256(second / name)]


def _run(work: Path, photos: int) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    print("[1/4] Draw a corpus of fruit photos")
    count = render_corpus(work / "corpus", photos_per_fruit=photos, negatives=NEGATIVES, seed=1)
    print(f"    {count} photos\n[2/4] Build a bundle on the threads of this machine")
    alone = _build(work / "corpus", work / "store-alone", "local[2]")
    print("[3/4] Start a master and two workers of one core each, and build there")
    with local_cluster(work / "cluster") as cluster:
        print(f"    {cluster.master}; logs are in {cluster.folder}")
        together = _build(work / "corpus", work / "store-cluster", cluster.master)
    print("[4/4] Compare the two bundles")
    unequal = differing(alone, together)
    for name in SAME:
        print(f"    {name:<16} {_sha256(together / name)[:16]}  {'DIFFERS' if name in unequal else 'same'}")
    if unequal:
        raise DemoFailed(f"{' and '.join(unequal)} of the two bundles differ.")
    print("Both builds gave the same bytes; master and workers are stopped.")


def _build(corpus: Path, store: Path, master: str) -> Path:
    command = [sys.executable, "-m", "batch", "build", "--corpus", str(corpus), "--store", str(store)]
    command += ["--master", master]
    print(f"    python {' '.join(command[1:])}")
    started = time.perf_counter()
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode != 0:
        raise DemoFailed(f"the build ended with exit code {ran.returncode}; its own message stands above.")
    print(f"    {ran.stdout.strip()} after {time.perf_counter() - started:.0f} s")
    return store / ran.stdout.strip()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
