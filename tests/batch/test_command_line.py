"""The command line as a person meets it: help with an example, one line for an error, the right exit code."""

import json
from pathlib import Path

import pytest

from batch.__main__ import main
from models.errors import FruitsError
from models.store import open_store
from tests.sealed_bundle import write_bundle

COMMANDS = (
    "build",
    "evaluate",
    "bundles",
    "synth",
    "emr",
    "emr deploy",
    "emr estimate",
    "emr submit",
    "emr status",
    "emr logs",
    "emr teardown",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*command.split(), "--help"])

    assert stopped.value.code == 0
    assert f"python -m batch {command}" in capsys.readouterr().out.split("example:")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["build", "--store", "somewhere"],
        ["build", "--corpus", "a", "--store", "b", "--components", "0"],
        ["build", "--corpus", "a", "--store", "b", "--max-rejects", "7"],
        ["bundles", "delete", "--store", "b"],
        ["evaluate"],
        ["emr"],
        ["emr", "destroy"],
        ["emr", "submit", "--max-cost", "0"],
        ["emr", "submit", "--max-cost", "much"],
        ["emr", "submit", "--mode", "kubernetes"],
        ["emr", "estimate", "--photos", "-1"],
        ["emr", "estimate", "--executors", "0"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)

    assert stopped.value.code == 2
    assert "usage: python -m batch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["build", "--components", "many"], "expected a whole number of 1 or more, got many"),
        (["build", "--max-rejects", "half"], "expected a share between 0 and 1, got half"),
        (["build", "--max-rejects", "nan"], "expected a share between 0 and 1, got nan"),
        (["synth", "--photos", "-1"], "expected a whole number of 0 or more, got -1"),
        (["emr", "estimate", "--photos", "1.5"], "expected a whole number of 1 or more, got 1.5"),
        (["emr", "submit", "--max-cost", "inf"], "expected an amount of US dollars above 0, got inf"),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given),
)
def test_a_number_that_is_none_is_refused_with_what_was_expected(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert expected in capsys.readouterr().err


@pytest.mark.usefixtures("aws_environment")
@pytest.mark.parametrize(
    ("corpus", "code", "message"),
    [
        ("nowhere", 1, "nowhere"),
        ("s3://bucket/photos", 2, "eu-west-2"),
    ],
)
def test_an_error_is_one_line_without_a_traceback(
    corpus: str, code: int, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = tmp_path / "network.tflite"
    network.write_bytes(b"never opened")
    given = ["build", "--corpus", corpus, "--store", str(tmp_path / "store"), "--network", str(network)]

    assert main([*given, "--region", "eu-west-2"]) == code
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert message in lines[0]


def test_an_unforeseen_error_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise ZeroDivisionError("what nobody thought of")

    monkeypatch.setattr("batch.commands.manage_bundles", fail)

    assert main(["bundles", "list", "--store", "x"]) == 1
    printed = capfd.readouterr().err
    assert "error: ZeroDivisionError: what nobody thought of" in printed
    assert "Traceback" not in printed


def test_every_deliberate_error_has_an_exit_code_and_a_stable_code() -> None:
    def below(error: type[FruitsError]) -> set[type[FruitsError]]:
        return {error}.union(*(below(child) for child in error.__subclasses__()))

    codes = [error.code for error in below(FruitsError)]
    assert len(set(codes)) == len(codes)


@pytest.fixture
def store(tmp_path: Path) -> tuple[str, list[str]]:
    """Give a store with three bundles, the last of them current."""
    uri, versions = str(tmp_path / "store"), []
    one = open_store(uri)
    for seed in range(3):
        folder = tmp_path / f"bundle-{seed}"
        folder.mkdir()
        versions.append(write_bundle(folder, seed).version)
        one.publish(folder, one.current())
    return uri, versions


def test_bundles_are_listed_rolled_back_and_promoted(
    store: tuple[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    uri, versions = store
    assert main(["bundles", "list", "--store", uri]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert sorted(versions) == [line.split()[0] for line in listed]
    assert [line.split()[0] for line in listed if line.endswith("current")] == [versions[-1]]

    assert main(["bundles", "promote", sorted(versions)[2], "--store", uri]) == 0
    assert main(["bundles", "rollback", "--store", uri]) == 0
    current = open_store(uri).current()
    assert current is not None
    assert current.version == sorted(versions)[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["promote"], 2, "needs the version"),
        (["rollback", "20261122T181500Z-3f9a1c"], 2, "rollback takes no version"),
        (["list", "20261122T181500Z-3f9a1c"], 2, "list takes no version"),
        (["promote", "20261122T181500Z-3f9a1c"], 1, "holds no bundle 20261122T181500Z-3f9a1c"),
    ],
)
def test_what_names_the_wrong_version_or_none_is_refused_and_nothing_is_moved(
    arguments: list[str],
    code: int,
    message: str,
    store: tuple[str, list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = open_store(store[0]).current()
    assert main(["bundles", *arguments, "--store", store[0]]) == code
    assert message in capsys.readouterr().err
    assert open_store(store[0]).current() == before


def test_an_empty_store_has_nothing_to_roll_back_or_to_evaluate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundles", "rollback", "--store", str(tmp_path / "none")]) == 1
    assert "no current bundle" in capsys.readouterr().err
    assert main(["evaluate", "--bundle", str(tmp_path / "none"), "--photos", str(tmp_path)]) == 1
    assert "neither a bundle folder nor a store" in capsys.readouterr().err


def test_synth_renders_and_the_default_bundle_evaluates(
    tmp_path: Path, default_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", "--out", str(tmp_path / "photos"), "--photos", "1", "--negatives", "2"]) == 0
    capsys.readouterr()

    assert main(["evaluate", "--photos", str(tmp_path / "photos"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["metrics"]["all"]["photos"] == 14
    assert figures["metrics"]["all"]["negatives"] == 2
    assert figures["bundle"] == json.loads((default_bundle / "manifest.json").read_text())["version"]

    assert main(["evaluate", "--photos", str(tmp_path / "photos")]) == 0
    assert "top-1" in capsys.readouterr().out
