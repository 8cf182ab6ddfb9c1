"""Deploying and tearing down, over HTTP.

moto makes buckets, roles, log group and (with our help) the application; bucket policies and the budget it
leaves out: of those the template's own tests speak.
"""

from typing import Any

import pytest

from batch.emr.deploy import StackParameters, check_name, deploy
from batch.emr.stack import TEMPLATE, describe, find_stack
from batch.emr.teardown import find_remains, teardown
from models.errors import FruitsError, SettingsError
from tests.batch.emr.conftest import EMAIL, PARAMETERS, Account
from tests.s3_server import REGION


def parameters_of(account: Account) -> dict[str, str]:
    found = describe(account.aws, account.name)
    assert found is not None
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in found["Parameters"]}


def put(account: Account, bucket: str, key: str, times: int = 1) -> None:
    for number in range(times):
        account.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=str(number).encode())


def remove(account: Account, **choice: Any) -> None:
    remains = find_remains(account.aws, account.name)
    assert remains is not None
    teardown(account.aws, account.name, remains, **choice)


def test_a_stack_is_made_told_about_and_usable(account: Account) -> None:
    stack = account.deploy()

    assert stack == find_stack(account.aws, account.name)
    assert account.names_of_buckets() == {stack.corpus_bucket, stack.bundle_bucket}
    assert stack.corpus_bucket.endswith(f"-{REGION}")
    assert any("CREATE_COMPLETE" in line for line in account.said)
    application = account.aws.client("emr-serverless").get_application(applicationId=stack.application)
    assert application["application"]["maximumCapacity"] == {"cpu": "16 vCPU", "memory": "64 GB"}


def test_deploying_again_changes_nothing(account: Account) -> None:
    first = account.deploy(MonthlyBudget=7)
    account.said.clear()

    assert deploy(account.aws, account.name, StackParameters()) == first
    assert account.said == [f"the stack {account.name} is up to date"]
    assert parameters_of(account)["MonthlyBudget"] == "7"


def test_deploying_with_another_cap_changes_that_and_keeps_the_rest(account: Account) -> None:
    first = account.deploy()

    assert deploy(account.aws, account.name, StackParameters(MaximumVcpu=32)) == first
    assert parameters_of(account)["MaximumVcpu"] == "32"
    assert parameters_of(account)["AlarmEmail"] == EMAIL


def application_state(account: Account, application: str) -> str:
    found = account.aws.client("emr-serverless").get_application(applicationId=application)
    return str(found["application"]["state"])


def test_an_application_at_rest_between_builds_is_stopped_before_it_is_changed(account: Account) -> None:
    """It goes on for some minutes after a build, and AWS refuses to change one that is started."""
    stack = account.deploy()
    account.aws.client("emr-serverless").start_application(applicationId=stack.application)
    states: list[str] = []
    account.aws.client("cloudformation").meta.events.register(
        "before-parameter-build.cloudformation.UpdateStack",
        lambda **_: states.append(application_state(account, stack.application)),
    )
    account.deploy(MaximumVcpu=32)
    assert states == ["STOPPED"]


def test_an_application_with_a_build_under_way_is_left_alone(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = account.deploy()
    account.aws.client("emr-serverless").start_application(applicationId=stack.application)
    monkeypatch.setattr("batch.emr.deploy.job_runs", lambda *_: [{"id": "00run", "state": "RUNNING"}])
    deploy(account.aws, account.name, StackParameters())
    assert application_state(account, stack.application) == "STARTED"


def test_a_name_that_only_a_change_set_was_made_for_is_no_stack_to_wait_for(account: Account) -> None:
    account.aws.client("cloudformation").create_change_set(
        StackName=account.name,
        ChangeSetName="by-hand",
        ChangeSetType="CREATE",
        TemplateBody=TEMPLATE.read_text("utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in PARAMETERS.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        assert len(waited) < 5, "it waits for what will never come"

    account.aws.wait = wait
    assert account.deploy() == find_stack(account.aws, account.name)


def test_a_new_stack_wants_somebody_to_alarm(account: Account) -> None:
    with pytest.raises(SettingsError, match="--alarm-email"):
        deploy(account.aws, account.name, StackParameters())
    assert describe(account.aws, account.name) is None


@pytest.mark.parametrize("name", ["Fruits", "fruits_1", "-fruits", "fruits-", "f" * 21, "", "é"])
def test_a_name_that_no_bucket_can_have_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="stack name"):
        check_name(name)


def test_the_longest_name_still_makes_bucket_names_that_s3_takes() -> None:
    check_name("f" * 20)
    assert len("f" * 20 + "-bundles-123456789012-eusc-de-east-1") <= 63


def test_a_stack_that_is_not_there_is_named_with_what_to_do(account: Account) -> None:
    with pytest.raises(SettingsError, match="emr deploy"):
        find_stack(account.aws, account.name)
    assert find_remains(account.aws, account.name) is None


def test_a_teardown_leaves_nothing(account: Account) -> None:
    stack = account.deploy()
    put(account, stack.bundle_bucket, "bundles/current.json", times=3)
    account.aws.client("s3").delete_object(Bucket=stack.bundle_bucket, Key="bundles/current.json")
    roles = {role["RoleName"] for role in account.aws.client("iam").list_roles()["Roles"]}
    assert any(role.startswith(account.name) for role in roles)

    remove(account)

    assert find_remains(account.aws, account.name) is None
    assert account.names_of_buckets() == set()
    roles = {role["RoleName"] for role in account.aws.client("iam").list_roles()["Roles"]}
    assert not any(role.startswith(account.name) for role in roles)
    state = account.aws.client("emr-serverless").get_application(applicationId=stack.application)
    assert state["application"]["state"] == "TERMINATED"


def test_a_corpus_with_photos_is_seen_also_when_only_old_versions_are_left(account: Account) -> None:
    stack = account.deploy()
    assert not find_remains(account.aws, account.name).corpus_has_data  # type: ignore[union-attr]

    account.aws.client("s3").put_bucket_versioning(
        Bucket=stack.corpus_bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    put(account, stack.corpus_bucket, "photos/apple/1.jpg")
    account.aws.client("s3").delete_object(Bucket=stack.corpus_bucket, Key="photos/apple/1.jpg")
    assert "Contents" not in account.aws.client("s3").list_objects_v2(Bucket=stack.corpus_bucket)
    assert find_remains(account.aws, account.name).corpus_has_data  # type: ignore[union-attr]


def buckets_emptied(account: Account, **choice: Any) -> list[str]:
    """Tear down and list the buckets whose objects were deleted one by one."""
    emptied: list[str] = []
    client = account.aws.client("s3")
    client.meta.events.register(
        "before-parameter-build.s3.DeleteObjects", lambda params, **_: emptied.append(params["Bucket"])
    )
    remove(account, **choice)
    return emptied


def test_a_teardown_leaves_the_corpus_alone_unless_told_otherwise(account: Account) -> None:
    stack = account.deploy()
    put(account, stack.corpus_bucket, "photos/apple/1.jpg")
    put(account, stack.bundle_bucket, "bundles/current.json")

    # What is left in a bucket when its stack is deleted keeps both alive on AWS; moto deletes it.
    assert buckets_emptied(account) == [stack.bundle_bucket]


def test_a_teardown_empties_the_corpus_when_told_to(account: Account) -> None:
    stack = account.deploy()
    put(account, stack.corpus_bucket, "photos/apple/1.jpg", times=2)
    put(account, stack.bundle_bucket, "bundles/current.json")

    assert buckets_emptied(account, delete_data=True) == [stack.corpus_bucket, stack.bundle_bucket]
    assert account.names_of_buckets() == set()


def test_a_stack_that_ended_badly_says_how(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from batch.emr import stack

    monkeypatch.setattr(
        stack,
        "describe",
        lambda *_: {"StackStatus": "ROLLBACK_COMPLETE", "StackStatusReason": "the bucket exists"},
    )
    monkeypatch.setattr(stack, "_news", lambda *_: [])
    with pytest.raises(FruitsError, match="ROLLBACK_COMPLETE: the bucket exists"):
        stack.follow(account.aws, account.name, "CREATE_COMPLETE")
