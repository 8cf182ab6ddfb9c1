"""The audit tells apart what is clean, what is vulnerable, and what nobody could ask."""

import pytest

from tests import dependency_audit
from tests.dependency_audit import CLEAN, NOT_ASKED, VULNERABLE, judged

# As pip-audit 2.10.1 writes them.
FINE = {"name": "flask", "version": "3.1.3", "vulns": []}
UNKNOWN = {
    "name": "numpy",
    "skip_reason": "Dependency not found on PyPI and could not be audited: numpy (2.4.6)",
}
BAD = {
    "name": "flask",
    "version": "0.5",
    "vulns": [{"id": "PYSEC-2019-179", "fix_versions": ["1.0"], "aliases": ["CVE-2019-1010083"]}],
}


def test_all_asked_and_none_known_is_clean() -> None:
    code, text = judged({"dependencies": [FINE, FINE]}, 2)
    assert code == CLEAN
    assert text == "2 pinned packages were asked for, 0 vulnerabilities are known."


def test_what_could_not_be_asked_is_never_called_clean() -> None:
    code, text = judged({"dependencies": [FINE, UNKNOWN]}, 2)
    assert code == NOT_ASKED
    assert "1 of 2 pinned packages only (Dependency not found" in text
    code, text = judged({"dependencies": [], "failure": "Connection refused"}, 2)
    assert code == NOT_ASKED
    assert "0 of 2 pinned packages only (Connection refused)" in text


def test_a_vulnerability_is_named_with_its_remedy() -> None:
    for known in ([BAD], [BAD, UNKNOWN]):
        code, text = judged({"dependencies": known}, len(known))
        assert code == VULNERABLE
        assert "flask 0.5: PYSEC-2019-179, fixed in 1.0" in text


@pytest.mark.drill
@pytest.mark.timeout(600)
def test_the_audit_runs_and_says_what_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    code = dependency_audit.main()
    said = capsys.readouterr().out
    assert code in (CLEAN, VULNERABLE, NOT_ASKED)
    assert ("were asked for" in said) is (code != NOT_ASKED)
