"""What packages weigh once they are installed, with everything that they bring along."""

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from tests.bench.table import ROOT


def wanted_by_api() -> list[str]:
    """List the packages that the API's image asks for by name."""
    files = [(ROOT / "requirements" / name).read_text(encoding="utf-8") for name in ("api.txt", "models.txt")]
    return [name for file in files for name in re.findall(r"^([A-Za-z0-9._-]+)==", file, re.MULTILINE)]


def with_dependencies(names: Iterable[str]) -> set[str]:
    """Follow packages to all that they require on this platform; those are left out that it does not want."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found and installed_bytes(name):
            found.add(name)
            needs = [line for line in distribution(name).requires or () if "extra ==" not in line]
            waiting += [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in needs]
    return found


def installed_bytes(name: str) -> int:
    """Add up a package's files; 0 for one that is not installed."""
    try:
        files = distribution(name).files or ()
    except PackageNotFoundError:
        return 0
    paths = (Path(str(file.locate())) for file in files)
    return sum(path.stat().st_size for path in paths if path.is_file())
