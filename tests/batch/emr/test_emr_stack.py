"""What the template says: cfn-lint finds nothing wrong, and no policy allows more than it must."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs
from cfnlint.decode.cfn_yaml import loads

from batch.emr.deploy import NO_BUDGETS, StackParameters
from batch.emr.stack import _OUTPUTS, TEMPLATE
from models.regions import EU_REGIONS

MOST_CHARACTERS = 51_200
WRITING = re.compile(
    r".*:(Put|Delete|Create|Update|Abort|Restore|Replicate|Bypass|Attach|Detach|Pass|Tag|Untag|Set|Start|Stop)"
)


def template() -> dict[str, Any]:
    return dict(loads(TEMPLATE.read_text("utf-8")))


def resources(kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in template()["Resources"].items()
        if resource["Type"] == kind
    }


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def documents(role: str) -> Iterator[dict[str, Any]]:
    """Give every policy document of a role, those shared with other roles included."""
    properties = resources("AWS::IAM::Role")[role]
    for policy in properties.get("Policies", ()):
        yield policy["PolicyDocument"]
    for policy in resources("AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Roles"]:
            yield policy["PolicyDocument"]


def statements() -> list[tuple[str, dict[str, Any]]]:
    """Give every statement of every policy in the template, by where it stands."""
    found = []
    for name, role in resources("AWS::IAM::Role").items():
        for policy in role.get("Policies", ()):
            found += [(name, statement) for statement in policy["PolicyDocument"]["Statement"]]
    for kind in ("AWS::IAM::Policy", "AWS::S3::BucketPolicy"):
        for name, policy in resources(kind).items():
            found += [(name, statement) for statement in policy["PolicyDocument"]["Statement"]]
    return found


def allowed_actions(role: str) -> set[str]:
    return {
        action
        for document in documents(role)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
    }


def test_cfn_lint_finds_nothing_in_any_region() -> None:
    assert [str(match) for match in lint_file(TEMPLATE, ManualArgs(regions=list(EU_REGIONS)))] == []


def test_cfn_lint_does_find_what_is_wrong(tmp_path: Any) -> None:
    spoilt = tmp_path / "stack.yaml"
    spoilt.write_text(TEMPLATE.read_text("utf-8").replace("    Condition: HasBudgets\n", ""))
    found = lint_file(spoilt, ManualArgs(regions=list(EU_REGIONS)))
    assert len([match for match in found if match.rule.id == "E3006"]) == len(NO_BUDGETS)


def test_the_template_is_small_enough_to_be_sent_as_it_is() -> None:
    assert len(TEMPLATE.read_bytes()) < MOST_CHARACTERS


def test_every_arn_names_the_partition_by_a_variable() -> None:
    lines = [line for line in TEMPLATE.read_text("utf-8").splitlines() if "arn:" in line]
    literal = [line for line in lines if "arn:${AWS::Partition}:" not in line]
    assert len(lines) > 5
    assert [line.strip().partition(":")[0] for line in literal] == ["AllowedPattern"]


def test_no_policy_allows_everything_of_a_service_or_every_resource() -> None:
    allows = [(name, statement) for name, statement in statements() if statement["Effect"] == "Allow"]
    assert len(allows) > 8
    for name, statement in allows:
        assert not {"NotAction", "NotResource"} & statement.keys(), name
        for action in as_list(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action), f"{name} allows {action}"
        for resource in as_list(statement["Resource"]):
            assert resource != "*", name
            if text := resource.get("Fn::Sub"):
                assert re.match(r"\$\{(Corpus|Bundle)Bucket\.Arn\}|arn:\$\{AWS::Partition\}:logs:", text), (
                    text
                )


def test_the_role_of_the_api_reads_bundles_and_nothing_else() -> None:
    assert allowed_actions("ApiRole") == {"s3:GetObject", "s3:ListBucket"}
    assert not [action for action in allowed_actions("ApiRole") if WRITING.match(action)]
    assert "ManagedPolicyArns" not in resources("AWS::IAM::Role")["ApiRole"]
    got = [
        as_list(statement["Resource"])
        for document in documents("ApiRole")
        for statement in document["Statement"]
        if "s3:GetObject" in as_list(statement["Action"])
    ]
    assert got == [[{"Fn::Sub": "${BundleBucket.Arn}/bundles/*"}]]


def test_the_job_writes_bundles_and_features_and_deletes_features_only() -> None:
    writes: dict[str, set[str]] = {}
    for document in documents("JobRole"):
        for statement in document["Statement"]:
            for action in as_list(statement["Action"]):
                if action.startswith("s3:") and WRITING.match(action):
                    writes.setdefault(action, set()).update(
                        resource["Fn::Sub"] for resource in as_list(statement["Resource"])
                    )
    both = {"${BundleBucket.Arn}/bundles/*", "${BundleBucket.Arn}/features/*"}
    assert writes == {
        "s3:PutObject": both,
        "s3:AbortMultipartUpload": both,
        "s3:DeleteObject": {"${BundleBucket.Arn}/features/*"},
    }


def test_the_only_policy_of_aws_is_the_one_that_emr_wants_for_clusters() -> None:
    foreign = {
        name: [arn["Fn::Sub"] for arn in role.get("ManagedPolicyArns", ()) if "Fn::Sub" in arn]
        for name, role in resources("AWS::IAM::Role").items()
    }
    assert {name: arns for name, arns in foreign.items() if arns} == {
        "ClusterRole": ["arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2"]
    }


@pytest.mark.parametrize(
    ("role", "service"),
    [
        ("JobRole", "emr-serverless.amazonaws.com"),
        ("NodeRole", "ec2.amazonaws.com"),
        ("ClusterRole", "elasticmapreduce.amazonaws.com"),
        ("ApiRole", "ecs-tasks.amazonaws.com"),
    ],
)
def test_a_role_is_lent_to_one_service_and_the_apis_to_a_named_principal_too(role: str, service: str) -> None:
    trusted = resources("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    assert trusted[0]["Principal"] == {"Service": service}
    if role != "ApiRole":
        assert len(trusted) == 1
        return
    condition, named, nobody = trusted[1]["Fn::If"]
    assert condition == "HasApiPrincipal"
    assert named["Principal"] == {"AWS": {"Ref": "ApiPrincipal"}}
    assert nobody == {"Ref": "AWS::NoValue"}
    assert len(trusted) == 2


@pytest.mark.parametrize("bucket", ["CorpusBucket", "BundleBucket"])
def test_a_bucket_is_private_encrypted_versioned_and_tidied_up(bucket: str) -> None:
    given = resources("AWS::S3::Bucket")[bucket]
    assert set(given["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(given["PublicAccessBlockConfiguration"]) == 4
    assert given["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    encryption = given["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    assert given["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = given["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    assert any(rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays") == 30 for rule in rules)
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


@pytest.mark.parametrize("bucket", ["CorpusBucket", "BundleBucket"])
def test_a_bucket_answers_over_modern_tls_only(bucket: str) -> None:
    policy = resources("AWS::S3::BucketPolicy")[f"{bucket}Policy"]
    assert policy["Bucket"] == {"Ref": bucket}
    refused = {}
    for statement in policy["PolicyDocument"]["Statement"]:
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Resource"] == [
            {"Fn::GetAtt": [bucket, "Arn"]},
            {"Fn::Sub": f"${{{bucket}.Arn}}/*"},
        ]
        refused |= statement["Condition"]
    assert refused == {
        "Bool": {"aws:SecureTransport": "false"},
        "NumericLessThan": {"s3:TlsVersion": "1.2"},
    }


def test_no_photograph_expires_by_itself() -> None:
    for bucket, prefixes in (("CorpusBucket", set()), ("BundleBucket", {"logs/"})):
        rules = resources("AWS::S3::Bucket")[bucket]["LifecycleConfiguration"]["Rules"]
        assert {rule["Prefix"] for rule in rules if "ExpirationInDays" in rule} == prefixes


def test_the_application_stops_itself_has_a_cap_and_keeps_nothing_warm() -> None:
    given = resources("AWS::EMRServerless::Application")["Application"]
    assert given["AutoStartConfiguration"] == {"Enabled": True}
    assert given["AutoStopConfiguration"] == {"Enabled": True, "IdleTimeoutMinutes": 5}
    assert given["MaximumCapacity"] == {
        "Cpu": {"Fn::Sub": "${MaximumVcpu} vCPU"},
        "Memory": {"Fn::Sub": "${MaximumMemory} GB"},
    }
    assert given["SchedulerConfiguration"]["MaxConcurrentRuns"] == 1
    assert "InitialCapacity" not in given


def test_logs_are_kept_for_a_stated_time() -> None:
    assert resources("AWS::Logs::LogGroup")["LogGroup"]["RetentionInDays"] == {"Ref": "LogDays"}
    assert template()["Parameters"]["LogDays"]["Default"] == 14


def test_the_budget_is_monthly_and_alarms() -> None:
    given = resources("AWS::Budgets::Budget")["Budget"]
    assert given["Budget"]["TimeUnit"] == "MONTHLY"
    assert given["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudget"}, "Unit": "USD"}
    for alarm in given["NotificationsWithSubscribers"]:
        assert alarm["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": {"Ref": "AlarmEmail"}}]
    kinds = [alarm["Notification"]["NotificationType"] for alarm in given["NotificationsWithSubscribers"]]
    assert kinds == ["ACTUAL", "ACTUAL", "FORECASTED"]


def test_regions_without_budgets_are_the_same_in_template_and_code() -> None:
    left_out = template()["Conditions"]["HasBudgets"]["Fn::Not"][0]["Fn::Or"]
    assert tuple(choice["Fn::Equals"][1] for choice in left_out) == NO_BUDGETS
    assert set(NO_BUDGETS) < set(EU_REGIONS)


def test_code_and_template_name_the_same_parameters_and_outputs() -> None:
    assert set(StackParameters.__dataclass_fields__) == set(template()["Parameters"])
    assert set(_OUTPUTS) == set(template()["Outputs"])
