"""What every test may ask for, and the account of skipped tests that ends each run."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED_SKIPS = ROOT / ".ci" / "allowed-skips.txt"

pytest_plugins = ["tests.s3_server"]


def pytest_configure() -> None:
    """Shut out `FRUITS_*` settings of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith("FRUITS_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def project() -> Path:
    """Give the project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of development photographs (zip archives), which most machines do not have."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the development photographs in ../shared")
    return folder


@pytest.fixture(scope="session")
def default_bundle() -> Path:
    """Give the folder of the committed default bundle."""
    return ROOT / "models" / "pretrained" / "default"


def skips(reports: list[pytest.TestReport | pytest.CollectReport]) -> list[tuple[str, str]]:
    """List (test id, reason) of skipped tests, in the order of the ids."""
    found = set()
    for report in reports:
        if not hasattr(report, "wasxfail"):
            where = report.longrepr
            text = str(where[2]) if isinstance(where, tuple) else str(where)
            found.add((report.nodeid, text.removeprefix("Skipped: ")))
    return sorted(found)


def allowed(nodeid: str, reason: str, lines: list[str]) -> bool:
    """Tell whether a line `pattern  reason` names this skip; parameters in `nodeid` do not count."""
    entries = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    return any(fnmatchcase(nodeid.partition("[")[0], pattern) and reason == why for pattern, why in entries)


def forbidden_skips(config: pytest.Config) -> list[tuple[str, str]]:
    """List the skips of this run that CI does not accept; none anywhere else."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI", "").lower() != "true" or reporter is None:
        return []
    lines = ALLOWED_SKIPS.read_text(encoding="utf-8").splitlines()
    return [skip for skip in skips(reporter.stats.get("skipped", [])) if not allowed(*skip, lines)]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail a run under CI that skipped what it may not skip."""
    if session.exitstatus == pytest.ExitCode.OK and forbidden_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """End with the list of skipped tests and why."""
    skipped = skips(terminalreporter.stats.get("skipped", []))
    terminalreporter.section("skipped tests")
    if not skipped:
        terminalreporter.line("none")
    for nodeid, reason in skipped:
        terminalreporter.line(f"{nodeid}: {reason}")
    for nodeid, _ in forbidden_skips(config):
        terminalreporter.line(f"{nodeid} may not be skipped under CI: see {ALLOWED_SKIPS.name}", red=True)
