"""What each role of the stack may do with objects, decided by moto's IAM over HTTP.

The stack is created from `stack.yaml` as it is, on a server of its own; the roles are taken through STS, and
from then on every request is checked against policies. Bucket policies are not part of it: moto leaves them
out.
"""

import ast
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from batch.emr.stack import TEMPLATE
from tests.batch.emr.conftest import PARAMETERS
from tests.s3_server import REGION

STACK = "fruits"
CORPUS, BUNDLES = "corpus", "bundles"
START_S = 60.0
DENIED = ("AccessDenied", "AccessDeniedException", "403", "Forbidden")

# (role, what it tries, bucket, key, whether it may)
DECISIONS = [
    ("JobRole", "list", CORPUS, "", True),
    ("JobRole", "get", CORPUS, "photos/apple/1.jpg", True),
    ("JobRole", "put", CORPUS, "photos/apple/2.jpg", False),
    ("JobRole", "delete", CORPUS, "photos/apple/1.jpg", False),
    ("JobRole", "list", BUNDLES, "", True),
    ("JobRole", "get", BUNDLES, "bundles/current.json", True),
    ("JobRole", "get", BUNDLES, "packages/ab/job.py", True),
    ("JobRole", "put", BUNDLES, "bundles/current.json", True),
    ("JobRole", "put", BUNDLES, "features/one.parquet", True),
    ("JobRole", "put", BUNDLES, "packages/ab/job.py", False),
    ("JobRole", "put", BUNDLES, "elsewhere", False),
    ("JobRole", "delete", BUNDLES, "features/one.parquet", True),
    ("JobRole", "delete", BUNDLES, "bundles/current.json", False),
    ("ApiRole", "list", BUNDLES, "", True),
    ("ApiRole", "get", BUNDLES, "bundles/current.json", True),
    ("ApiRole", "get", BUNDLES, "features/one.parquet", False),
    ("ApiRole", "put", BUNDLES, "bundles/current.json", False),
    ("ApiRole", "put", BUNDLES, "bundles/new/manifest.json", False),
    ("ApiRole", "delete", BUNDLES, "bundles/current.json", False),
    ("ApiRole", "list", CORPUS, "", False),
    ("ApiRole", "get", CORPUS, "photos/apple/1.jpg", False),
    ("ApiRole", "put", CORPUS, "photos/apple/2.jpg", False),
    ("NodeRole", "get", CORPUS, "photos/apple/1.jpg", True),
    ("NodeRole", "put", CORPUS, "photos/apple/2.jpg", False),
    ("NodeRole", "put", BUNDLES, "logs/j-1/steps/stderr.gz", True),
    ("NodeRole", "get", BUNDLES, "logs/j-1/steps/stderr.gz", False),
    ("NodeRole", "put", BUNDLES, "bundles/current.json", True),
    ("NodeRole", "delete", BUNDLES, "bundles/current.json", False),
]


@dataclass(frozen=True)
class Enforcing:
    """A server that decides every request; `s3[role]` is a client with the credentials of that role."""

    buckets: dict[str, str]
    s3: dict[str, Any]
    iam: dict[str, Any]

    def may(self, role: str, action: str, bucket: str, key: str) -> bool:
        """Try it."""
        name, client = self.buckets[bucket], self.s3[role]
        try:
            if action == "list":
                client.list_objects_v2(Bucket=name)
            elif action == "get":
                client.get_object(Bucket=name, Key=key)
            elif action == "put":
                client.put_object(Bucket=name, Key=key, Body=b"new")
            else:
                client.delete_object(Bucket=name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in DENIED:
                return False
            raise
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run a server in a process of its own: enforcement is switched on for all of it."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + START_S
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, "moto_server ended"
            assert time.monotonic() < deadline, "moto_server does not listen"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def enforcing(endpoint: str) -> Enforcing:
    """Create the stack, put objects in its buckets, take each role, then let policies decide."""
    os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")
    root = _client_maker(endpoint, boto3.Session("test", "test"))
    formation, s3, sts = root("cloudformation"), root("s3"), root("sts")
    formation.create_stack(
        StackName=STACK,
        TemplateBody=TEMPLATE.read_text("utf-8"),
        Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in PARAMETERS.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    outputs = {
        entry["OutputKey"]: entry["OutputValue"]
        for entry in formation.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    }
    buckets = {CORPUS: outputs["CorpusBucket"], BUNDLES: outputs["BundleBucket"]}
    for _, action, bucket, key, _ in DECISIONS:
        if action in ("get", "delete"):
            s3.put_object(Bucket=buckets[bucket], Key=key, Body=b"there")
    _write_policies_as_text(root("iam"))
    roles = {role["RoleName"].split("-")[1]: role["Arn"] for role in root("iam").list_roles()["Roles"]}
    sessions = {}
    for name in {decision[0] for decision in DECISIONS}:
        taken = sts.assume_role(RoleArn=roles[name], RoleSessionName="test")["Credentials"]
        keys = (taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
        sessions[name] = _client_maker(endpoint, boto3.Session(*keys))
    reset = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(reset).close()
    return Enforcing(
        buckets,
        {name: make("s3") for name, make in sessions.items()},
        {name: make("iam") for name, make in sessions.items()},
    )


def _write_policies_as_text(iam: Any) -> None:
    """Put each policy back as JSON: moto keeps some of a stack's as Python writes them, and fails then."""
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            document = ast.literal_eval(document) if isinstance(document, str) else document
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def _client_maker(endpoint: str, session: boto3.Session) -> Any:
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    return lambda service: session.client(service, region_name=REGION, endpoint_url=endpoint, config=config)


@pytest.mark.parametrize(
    ("role", "action", "bucket", "key", "allowed"),
    DECISIONS,
    ids=[f"{role} {action} {bucket}/{key}" for role, action, bucket, key, _ in DECISIONS],
)
def test_a_role_may_do_what_its_work_needs_and_nothing_else(
    enforcing: Enforcing, role: str, action: str, bucket: str, key: str, allowed: bool
) -> None:
    assert enforcing.may(role, action, bucket, key) is allowed


@pytest.mark.parametrize("role", ["JobRole", "ApiRole", "NodeRole"])
def test_no_role_may_look_at_or_change_roles(enforcing: Enforcing, role: str) -> None:
    for request in (
        lambda iam: iam.list_roles(),
        lambda iam: iam.create_user(UserName="another"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            request(enforcing.iam[role])
