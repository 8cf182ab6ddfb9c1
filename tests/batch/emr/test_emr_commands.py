"""`python -m batch emr ...` as a person meets it: refused before any call, asked, and told in one line."""

import socket
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from batch.__main__ import main
from batch.emr import runs, submit
from batch.emr.aws import Aws
from batch.emr.packaging import Package
from batch.emr.runs import RunStatus
from models.errors import StoreUnavailable
from tests.batch.emr.conftest import EMAIL, Account

COMMANDS = {
    "deploy": ["deploy", "--alarm-email", EMAIL],
    "estimate": ["estimate"],
    "estimate a number": ["estimate", "--photos", "1000"],
    "submit": ["submit", "--photos", "1000"],
    "submit to a cluster": ["submit", "--photos", "1000", "--mode", "ec2"],
    "status": ["status"],
    "status of one": ["status", "00run"],
    "logs": ["logs"],
    "logs of one": ["logs", "j-1"],
    "teardown": ["teardown", "--yes"],
}
OUTSIDE = ["eu-west-2", "eu-central-2", "us-east-1", "eu-west-9"]
each_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch, aws_environment: pytest.MonkeyPatch) -> list[Any]:
    """Collect every connection and every name that is looked up, and let none through."""
    tried: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        tried.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


@each_command
@pytest.mark.parametrize("region", OUTSIDE)
def test_a_region_outside_the_union_is_refused_before_any_call(
    command: list[str], region: str, connections: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emr", *command, "--region", region]) == 2
    assert f"is {region};" in capsys.readouterr().err
    assert connections == []


@each_command
def test_so_it_is_when_the_environment_or_a_profile_names_it(
    command: list[str],
    connections: list[Any],
    aws_environment: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    aws_environment.setenv("AWS_DEFAULT_REGION", "eu-central-2")
    assert main(["emr", *command]) == 2
    assert "is eu-central-2;" in capsys.readouterr().err

    (tmp_path / "config").write_text("[profile swiss]\nregion = eu-central-2\n")
    aws_environment.delenv("AWS_DEFAULT_REGION")
    aws_environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert main(["emr", *command, "--profile", "swiss"]) == 2
    assert "is eu-central-2;" in capsys.readouterr().err
    assert connections == []


@each_command
def test_so_is_an_endpoint_of_aws_outside_the_union(
    command: list[str], connections: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emr", *command, "--endpoint-url", "https://emr-serverless.us-east-1.amazonaws.com"]) == 2
    assert "us-east-1" in capsys.readouterr().err
    assert connections == []


@pytest.mark.parametrize(
    "command", [given for name, given in COMMANDS.items() if name != "estimate a number"], ids=" ".join
)
def test_a_region_inside_the_union_is_called(
    command: list[str], connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    assert main(["emr", *command, "--region", "eu-west-3"]) == 1
    assert connections != []


@each_command
def test_a_dry_run_calls_nobody_and_prints_every_call(
    command: list[str], connections: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emr", *command, "--region", "eu-west-3", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert connections == []
    assert command == COMMANDS["estimate a number"] or 'describe_stacks {"StackName": "fruits"}' in printed


def test_a_dry_run_prints_the_calls_that_a_run_then_makes(
    account: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    call = Aws.call

    def recorded(self: Aws, service: str, operation: str, *rest: Any) -> Any:
        made.append(f"{service} {operation}")
        return call(self, service, operation, *rest)

    assert main(["emr", "deploy", "--alarm-email", EMAIL, *account.options, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    printed = [" ".join(line.split()[:2]) for line in lines if " {" in line]
    monkeypatch.setattr(Aws, "call", recorded)
    monkeypatch.setattr("batch.emr.stack.POLL_S", 0.0)
    assert main(["emr", "deploy", "--alarm-email", EMAIL, *account.options]) == 0
    assert [name for i, name in enumerate(made) if name not in made[:i] or i < len(printed)] == printed
    assert len(printed) >= 4


def test_a_dry_run_would_notice_a_request_that_aws_refuses(account: Account) -> None:
    from models.errors import SettingsError

    dry = Aws.open("eu-west-3", dry_run=True)
    with pytest.raises(SettingsError, match="StartJobRun would be refused"):
        dry.call("emr-serverless", "start_job_run", {"applicationId": "00app"})


def test_deploy_prints_what_the_next_steps_need(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["emr", "deploy", "--alarm-email", EMAIL, *account.options]) == 0
        printed = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
        assert printed["corpus"].startswith(f"s3://{account.name}-corpus-")
        assert printed["bundles"].endswith("/bundles")
        assert ":role/" in printed["API role"]


def test_estimate_counts_the_photos_of_the_bucket(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = account.deploy()
    for number in range(3):
        account.server.client().put_object(
            Bucket=stack.corpus_bucket, Key=f"photos/apple/{number}.jpg", Body=b"x"
        )
    assert main(["emr", "estimate", *account.options]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("3 photos on 3 executors, serverless")
    assert "67,692 photos, 1.60 EUR, 83 minutes" in printed
    assert "nothing was measured on AWS" in printed


def test_estimate_refuses_a_bucket_abroad_before_it_lists_it(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account.deploy()
    listed: list[str] = []
    monkeypatch.setattr("batch.emr.aws.bucket_region", lambda *_, guarded: "eu-west-2")
    monkeypatch.setattr("batch.emr.aws.is_loopback", lambda _url: False)
    monkeypatch.setattr(Aws, "pages", lambda *given, **_: listed.append(given[2]))
    assert main(["emr", "estimate", *account.options]) == 2
    assert "is eu-west-2" in capsys.readouterr().err
    assert listed == []


@pytest.fixture
def submitted(account: Account, small_package: Package, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Give a deployed stack whose packages are made at once."""
    account.deploy()
    monkeypatch.setattr(submit, "build_package", lambda *_: small_package)
    return account


def test_a_build_above_the_limit_is_refused_and_nothing_is_started(
    submitted: Account, caplog: pytest.LogCaptureFixture
) -> None:
    given = ["submit", "--photos", "5000000", "--max-cost", "0.50"]
    assert main(["emr", *given, *submitted.options]) == 3
    said = caplog.text
    assert "above --max-cost 0.50; nothing was started" in said
    buckets = [name for name in submitted.names_of_buckets() if "bundles" in name]
    assert "Contents" not in submitted.server.client().list_objects_v2(Bucket=buckets[0])


def test_a_build_below_the_limit_is_started_and_its_bundle_is_named(
    submitted: Account, capfd: pytest.CaptureFixture[str]
) -> None:
    (bucket,) = [name for name in submitted.names_of_buckets() if "bundles" in name]
    version = b'{"version": "20261122T181500Z-3f9a1c"}'
    submitted.server.client().put_object(Bucket=bucket, Key="bundles/current.json", Body=version)
    given = ["submit", "--photos", "5000", "--max-cost", "0.50"]
    assert main(["emr", *given, *submitted.options]) == 0  # moto ends a job as soon as it is there
    assert capfd.readouterr().out.strip() == "20261122T181500Z-3f9a1c"

    assert main(["emr", "status", *submitted.options]) == 0
    assert "SUCCESS" in capfd.readouterr().out


def test_ctrl_c_leaves_the_run_alone_and_says_how_to_follow_it(
    submitted: Account, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> RunStatus:
        raise KeyboardInterrupt

    cancelled: list[str] = []
    monkeypatch.setattr(runs, "follow_run", interrupt)
    monkeypatch.setattr(
        "moto.emrserverless.models.EMRServerlessBackend.cancel_job_run", lambda *_: cancelled.append("it")
    )
    assert main(["emr", "submit", "--photos", "5000", *submitted.options]) == 1
    said = capfd.readouterr().err
    run = said.split("the run ")[1].split()[0]
    assert f"the run {run} goes on" in said
    assert f"python -m batch emr status {run} --wait --stack {submitted.name}" in said
    assert cancelled == []


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("emr-serverless does not answer"),
        ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "expired"}}, "GetJobRun"),
    ],
    ids=["no network", "credentials that ran out"],
)
def test_a_wait_that_breaks_off_says_how_to_follow_the_run_too(
    submitted: Account, error: Exception, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: Any) -> RunStatus:
        raise error

    monkeypatch.setattr(runs, "follow_run", break_off)
    assert main(["emr", "submit", "--photos", "5000", *submitted.options]) == 1
    said = capfd.readouterr().err
    run = said.split("the run ")[1].split()[0]
    assert f"python -m batch emr status {run} --wait --stack {submitted.name}" in said
    assert ("does not answer" in said) or ("AWS refuses GetJobRun (ExpiredTokenException)" in said)


def test_a_run_that_failed_fails_the_command(
    submitted: Account, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = RunStatus("00run", "FAILED", "out of memory", False)
    monkeypatch.setattr(runs, "follow_run", lambda *_: failed)
    monkeypatch.setattr(runs, "run_status", lambda *_: failed)
    assert main(["emr", "submit", "--photos", "5000", *submitted.options]) == 1
    assert "python -m batch emr logs" in caplog.text
    assert main(["emr", "status", "00run", *submitted.options]) == 1


def test_teardown_asks_and_no_means_no(
    account: Account, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account.deploy()
    for answer in ("", "y", "fruits"):
        monkeypatch.setattr("builtins.input", lambda _question, answer=answer: answer)
        assert main(["emr", "teardown", *account.options]) == 1
    assert len(account.names_of_buckets()) == 2

    monkeypatch.setattr("builtins.input", lambda _question: account.name)
    assert main(["emr", "teardown", *account.options]) == 0
    assert account.names_of_buckets() == set()
    assert main(["emr", "teardown", *account.options]) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_teardown_without_anybody_to_ask_removes_nothing(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_question: str) -> str:
        raise EOFError

    account.deploy()
    monkeypatch.setattr("builtins.input", nobody)
    assert main(["emr", "teardown", *account.options]) == 1
    assert len(account.names_of_buckets()) == 2


def test_teardown_spares_a_corpus_with_photos_even_when_told_yes(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    stack = account.deploy()
    account.server.client().put_object(Bucket=stack.corpus_bucket, Key="photos/a/1.jpg", Body=b"x")
    assert main(["emr", "teardown", "--yes", *account.options]) == 3
    assert "--delete-data" in caplog.text
    assert account.names_of_buckets() == {stack.corpus_bucket, stack.bundle_bucket}

    assert main(["emr", "teardown", "--yes", "--delete-data", *account.options]) == 0
    assert account.names_of_buckets() == set()


def test_what_aws_refuses_is_one_line(account: Account, capfd: pytest.CaptureFixture[str]) -> None:
    account.deploy()
    assert main(["emr", "logs", "00none", *account.options]) == 2
    assert "There is no run 00none" in capfd.readouterr().err
    wrong = ["deploy", "--log-days", "4", *account.options, "--alarm-email", "no address"]
    assert main(["emr", *wrong]) in (0, 1)  # moto does not hold parameters against their patterns
    assert "Traceback" not in capfd.readouterr().err
