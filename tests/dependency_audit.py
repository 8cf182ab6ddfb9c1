"""Asks for known vulnerabilities of every pinned package: `make audit`.

pip-audit asks the package index's own description of each version, which many mirrors lack; it then says that
nothing was found, and means that nothing was asked. So one package goes first, and whoever gets no answer is
told that nothing is known. Exit codes: 0 nothing known against any pin, 1 vulnerabilities, 2 not asked.
"""

import json
import subprocess
import sys
import venv
from typing import Any

from tests.dependency_list import FOLDER, ROOT, pins

ENVIRONMENT = ROOT / "build" / "audit"
TOOLS = FOLDER / "audit" / "pip-audit.txt"
FIRST = "flask"
CLEAN, VULNERABLE, NOT_ASKED = 0, 1, 2


def main() -> int:
    """Audit the pins; returns the exit code."""
    wanted = {name: version for name, (version, _) in pins("constraints.txt").items()}
    prepare()
    report = audited({FIRST: wanted[FIRST]})
    if not asked(report):
        print(judged(report, len(wanted))[1])
        return NOT_ASKED
    code, text = judged(audited(wanted), len(wanted))
    print(text)
    return code


def prepare() -> None:
    """Make the tool's environment, where it is not there yet."""
    stamp = ENVIRONMENT / "installed.txt"
    if stamp.is_file() and stamp.read_text("utf-8") == TOOLS.read_text("utf-8"):
        return
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    command = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--requirement", str(TOOLS)]
    subprocess.run(command, check=True)
    stamp.write_text(TOOLS.read_text("utf-8"), "utf-8")


def audited(wanted: dict[str, str]) -> dict[str, Any]:
    """Let pip-audit ask about exact versions; gives its report, empty where it failed.

    Args:
        wanted: version by name.
    """
    listed = ENVIRONMENT / "pins.txt"
    listed.write_text("\n".join(f"{name}=={version}" for name, version in wanted.items()), "utf-8")
    command = [str(ENVIRONMENT / "bin" / "pip-audit"), "--no-deps", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off", "--requirement", str(listed)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return dict(json.loads(ran.stdout))
    except ValueError:
        return {"dependencies": [], "failure": (ran.stderr.strip().splitlines() or ["no reason given"])[-1]}


def asked(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the packages that the service knew."""
    return [one for one in report["dependencies"] if "skip_reason" not in one]


def judged(report: dict[str, Any], count: int) -> tuple[int, str]:
    """Give the exit code and what to say of a report.

    Args:
        report: of pip-audit.
        count: how many packages are pinned.
    """
    answered = asked(report)
    found = [(one, known) for one in answered for known in one["vulns"]]
    lines = [
        f"{one['name']} {one['version']}: {known['id']}, fixed in {' '.join(known['fix_versions']) or 'none'}"
        for one, known in found
    ]
    if len(answered) < count:
        skipped = [one["skip_reason"] for one in report["dependencies"] if "skip_reason" in one]
        why = report.get("failure") or (skipped or ["no answer"])[0]
        lines.append(
            f"Vulnerabilities could be asked for {len(answered)} of {count} pinned packages only ({why}). Of "
            "the others nothing is known, good or bad: run this where pip-audit reaches its service. "
            "docs/dependencies.md lists every package, its version and its licence."
        )
    else:
        lines.append(f"{count} pinned packages were asked for, {len(found)} vulnerabilities are known.")
    code = VULNERABLE if found else NOT_ASKED if len(answered) < count else CLEAN
    return code, "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
