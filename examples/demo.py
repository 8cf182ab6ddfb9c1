"""The whole path on one machine: photos, Spark, a bundle, the API, answers. Run by `make demo`.

Everything lies under work/demo, which is left out of version control and can be removed at any time.
"""

import argparse
import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from PIL import Image

from batch.synthetic import FRUIT_IDS, render_corpus
from examples.local_server import ROOT, DemoFailed, exit_code_of, local_server
from examples.phone import curl_line, identify
from models.records import NOT_FRUIT

STEPS = 6
CORPUS = {"photos_per_fruit": 40, "negatives": 80, "seed": 1, "kind": "corpus"}
ASKED = {"photos_per_fruit": 3, "negatives": 10, "seed": 2, "kind": "asked"}


def main() -> int:
    """Run every step; return 0, 1 when something failed, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "work" / "demo", help="folder to work in")
    work: Path = parser.parse_args().work.resolve()
    signal.signal(signal.SIGTERM, _interrupt)
    return exit_code_of(lambda: _run(work))


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(work: Path) -> None:
    started = time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    _announce(1, "Draw a corpus of fruit photos, and other photos to ask about")
    _rendered(work / "corpus", CORPUS)
    _rendered(work / "asked", ASKED)
    _announce(2, "Build a bundle from the corpus with Spark, and publish it")
    _build(work / "corpus", work / "store")
    _announce(3, "Start the API on that bundle")
    settings = {"FRUITS_STORE": str(work / "store"), "FRUITS_CACHE": str(work / "cache")}
    with local_server(settings, work / "server.log") as base:
        print(f"    gunicorn answers at {base}")
        _announce(4, "Identify the photos to ask about, as a phone would")
        _ask_about_drawings(base, work / "asked")
    _announce(5, "Start the API again, on the default bundle, with no setting at all")
    with local_server({}, work / "server-default.log") as base:
        print(f"    gunicorn answers at {base}")
        _announce(6, "Ask about two real photos that show no fruit")
        _ask_about_real_photos(base)
    _say_what_next(work, time.perf_counter() - started)


def _announce(step: int, title: str) -> None:
    print(f"\n[{step}/{STEPS}] {title}")


def _rendered(folder: Path, settings: dict[str, Any]) -> None:
    """Render photos, or keep those of an earlier run that was complete and made by the same code."""
    stamp, wanted = folder.with_suffix(".stamp"), json.dumps({**settings, "code": _code_of_renderer()})
    if folder.is_dir() and stamp.is_file() and stamp.read_text("utf-8") == wanted:
        print(f"    {folder.name}: {sum(1 for _ in folder.rglob('*.jpg'))} photos from an earlier run")
        return
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    progress = _Progress(folder.name)
    count = render_corpus(folder, **settings, on_progress=progress)
    stamp.write_text(wanted, "utf-8")
    print(f"    {folder.name}: {count} photos of {len(FRUIT_IDS)} fruits and of other things, none twice")


def _code_of_renderer() -> str:
    code = hashlib.sha256()
    for module in sorted((ROOT / "batch").glob("synthetic*.py")):
        code.update(module.read_bytes())
    return code.hexdigest()


class _Progress:
    """Counts on one line of a terminal; elsewhere says every tenth part."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tenths = 0

    def __call__(self, done: int, total: int) -> None:
        if sys.stdout.isatty():
            print(f"\r    {self._name}: {done} of {total}", end="\r" if done == total else "", flush=True)
        elif done * 10 // total > self._tenths:
            self._tenths = done * 10 // total
            print(f"    {self._name}: {done} of {total}")


def _build(corpus: Path, store: Path) -> None:
    command = [sys.executable, "-m", "batch", "build", "--corpus", str(corpus), "--store", str(store)]
    print(f"    python {' '.join(command[1:])}")
    ran = subprocess.run(command, cwd=ROOT, check=False)
    if ran.returncode != 0:
        raise DemoFailed(f"the build ended with exit code {ran.returncode}; its own message stands above.")


def _asked_photos(folder: Path) -> Iterator[tuple[str, Path]]:
    for subject in (*FRUIT_IDS, NOT_FRUIT):
        yield from ((subject, photo) for photo in sorted((folder / subject).glob("*.jpg")))


def _ask_about_drawings(base: str, folder: Path) -> None:
    photos = list(_asked_photos(folder))
    line = curl_line(base, str(photos[0][1]))
    if shutil.which("curl"):
        print(f"    {line}")
    else:
        print(f"    curl is not installed: Python sends the same request as\n    {line}")
    rows, shown = [], False
    for subject, photo in photos:
        answer, elapsed_ms = identify(base, photo.read_bytes(), photo.name)
        if not shown:
            print(json.dumps(answer, indent=2, ensure_ascii=False))
            print(f"\n    {'asked':<12} {'answer':<26} {'score':>5} {'ms':>6}")
            shown = True
        verdict = _verdict(subject, answer)
        print(f"    {subject:<12} {_in_words(answer):<26} {_score(answer):5.2f} {elapsed_ms:6.0f}  {verdict}")
        rows.append((subject, verdict))
    _sum_up(rows)


def _verdict(subject: str, answer: dict[str, Any]) -> str:
    """Say `right`, `wrong`, or `unsure` where a fruit was seen and none was named."""
    if subject == NOT_FRUIT or not answer["is_fruit"]["binary"]:
        return "right" if (subject == NOT_FRUIT) != answer["is_fruit"]["binary"] else "wrong"
    if answer["answer"]["rank"] in ("variety", "fruit"):
        return "right" if answer["answer"]["id"].split("/")[0] == subject else "wrong"
    return "unsure"


def _score(answer: dict[str, Any]) -> float:
    """Return how sure the answer is of what it says."""
    if answer["is_fruit"]["binary"]:
        return float(answer["answer"]["score"])
    return 1 - float(answer["is_fruit"]["probability"])


def _in_words(answer: dict[str, Any]) -> str:
    if not answer["is_fruit"]["binary"]:
        return "not a fruit"
    if answer["answer"]["id"] is None:
        best = answer["results"][0]["name"] if answer["results"] else "nothing"
        return f"unknown (perhaps {best})"
    return f"{answer['answer']['name']} ({answer['answer']['rank']})"


def _sum_up(rows: list[tuple[str, str]]) -> None:
    for title, part in (
        ("fruits", [verdict for subject, verdict in rows if subject != NOT_FRUIT]),
        ("other things", [verdict for subject, verdict in rows if subject == NOT_FRUIT]),
    ):
        unsure = f", {part.count('unsure')} unsure" if "unsure" in part else ""
        print(f"    {title}: {part.count('right')} right of {len(part)}{unsure}")
    print(
        "    These photos are drawings made by a program, those in the index and those asked about.\n"
        "    The count shows that the path from photos to answers works; it says nothing about real photos."
    )


def _ask_about_real_photos(base: str) -> None:
    """Raise DemoFailed if the default bundle takes scikit-learn's two photos for fruits."""
    from sklearn.datasets import load_sample_images

    sample, mistaken = load_sample_images(), []
    for name, pixels in zip((Path(name).name for name in sample.filenames), sample.images, strict=True):
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "JPEG", quality=92)
        answer, elapsed_ms = identify(base, encoded.getvalue(), name)
        probability, threshold = answer["is_fruit"]["probability"], answer["is_fruit"]["threshold"]
        print(
            f"    {name:<12} {_in_words(answer):<26} {elapsed_ms:6.0f} ms"
            f"  (probability of a fruit {probability:.2f}, threshold {threshold:.2f})"
        )
        if answer["is_fruit"]["binary"]:
            mistaken.append(name)
    if mistaken:
        raise DemoFailed(
            f"the default bundle takes {' and '.join(mistaken)} for a fruit, and neither shows one."
        )
    print("    Neither is called a fruit, as it should be.")


def _say_what_next(work: Path, seconds: float) -> None:
    print(
        f"\nDone in {seconds:.0f} s; both servers are stopped. Next:\n"
        "    make serve                                  the API on the default bundle, for a phone or curl\n"
        "    curl -F photo=@my.jpg http://localhost:8000/identify\n"
        f"    FRUITS_STORE={work / 'store'} make serve\n"
        "    .venv/bin/python -m batch build --corpus DIR --store DIR    a bundle from your own photos\n"
        "    make test                                   every test\n"
        f"    {_report(work)}"
    )


def _report(work: Path) -> str:
    reports = sorted((work / "store").glob("*/report.html"), key=lambda path: path.stat().st_mtime)
    return f"{reports[-1]}   what the build found, with plots" if reports else "make help"


if __name__ == "__main__":
    sys.exit(main())
