"""Finds the photographs that benches run on; the development photographs are unpacked once."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

from batch.synthetic import render_corpus
from tests.bench.settings import BenchSettings
from tests.bench.table import ROOT

KINDS = ("phone", "web40", "fruits360", "more", "not_fruit")
_SHARED = ROOT.parent / "shared" / "data"


def development_photos(asked: BenchSettings) -> Path | None:
    """Give the folder with one folder a kind; None where there are no development photographs."""
    if asked.photos:
        return Path(asked.photos).resolve()
    if not _SHARED.is_dir():
        return None
    folder = ROOT / "work" / "photos"
    for kind in KINDS:
        if not (folder / kind).is_dir():
            _unpack(_SHARED / f"{kind}.zip", folder, kind)
    return folder


def sample(asked: BenchSettings, count: int, folder: Path) -> str:
    """Copy a seeded sample of photos into `folder/<number>.jpg`, and say what they are."""
    source = development_photos(asked)
    if source is None:
        render_corpus(folder.parent / "rendered", photos_per_fruit=-(-count // 14), negatives=0, seed=5)
        found, what = _files(folder.parent / "rendered"), "rendered photos (the real ones are not here)"
    else:
        found, what = _files(source / "web40"), "photos of web40"
    chosen = random.Random(5).sample(found, min(count, len(found)))
    folder.mkdir(parents=True)
    for number, path in enumerate(chosen):
        shutil.copyfile(path, folder / f"{number:05d}.jpg")
    return f"{len(chosen):,} {what}"


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _unpack(archive: Path, folder: Path, kind: str) -> None:
    """Unpack beside the goal first: half an archive is never taken for a whole one."""
    partial = folder / f".{kind}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    with ZipFile(archive) as opened:
        opened.extractall(partial)
    (partial / kind).rename(folder / kind)
    partial.rmdir()
