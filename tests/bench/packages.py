"""What packages weigh once they are installed, with everything that they bring along."""

from collections.abc import Iterable
from pathlib import Path

from tests.dependency_list import LAYERS, installed, reached, with_dependencies


def sizes_of_api() -> dict[str, int]:
    """Give the bytes of each package of the API's image."""
    return _sizes(reached(LAYERS["API image"]))


def sizes_with_dependencies(names: Iterable[str]) -> dict[str, int]:
    """Give the bytes of some packages, named as indexes compare names, and of all that they require."""
    return _sizes(with_dependencies((name, frozenset()) for name in names))


def _sizes(names: Iterable[str]) -> dict[str, int]:
    return {name: installed_bytes(name) for name in names}


def installed_bytes(name: str) -> int:
    """Add up the files of an installed package."""
    paths = (Path(str(file.locate())) for file in installed()[name].files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())
