"""What each command below `emr` does once its arguments are read; results go to standard output, everything
else to standard error.

boto3 takes half a second to load, so modules that need it are imported where they are used: `batch --help`
and the job on the cluster go without.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from batch.emr.capacity import EC2, SERVERLESS, Capacity
from batch.emr.cost import Estimate, estimate, peers_mark
from batch.exit_codes import DONE, FAILED, REFUSED
from models.errors import FruitsError, StoreUnavailable

if TYPE_CHECKING:
    from batch.emr.aws import Aws
    from batch.emr.stack import Stack

_log = logging.getLogger("batch")


def deploy_stack(given: argparse.Namespace) -> int:
    """`emr deploy`: prints what the other commands and the API need."""
    from batch.emr.deploy import NO_BUDGETS, StackParameters, check_name, deploy

    aws = _open(given)
    check_name(given.stack)
    parameters = StackParameters(
        AlarmEmail=given.alarm_email,
        MonthlyBudget=given.monthly_budget,
        MaximumVcpu=given.max_vcpu,
        MaximumMemory=given.max_memory,
        LogDays=given.log_days,
        ApiPrincipal=given.api_principal,
    )
    try:
        stack = deploy(aws, given.stack, parameters)
    except KeyboardInterrupt:
        return _interrupted("CloudFormation goes on by itself", f"emr deploy {_again(given)}")
    print(f"corpus    s3://{stack.corpus_bucket}/photos")
    print(f"bundles   {stack.store}")
    print(f"API role  {stack.api_role}")
    if aws.region in NO_BUDGETS:
        _log.warning(
            "CloudFormation makes no budgets in %s: make one by hand, docs/aws.md has the command", aws.region
        )
    return DONE


def print_estimate(given: argparse.Namespace) -> int:
    """`emr estimate`: prints minutes and money, what they rest on, and the mark to compare with."""
    aws = _open(given)
    stack = None if given.photos else _stack(aws, given)
    if stack is not None:
        aws.check_bucket(stack.corpus_bucket)
    _print_estimate(_price(aws, stack, given), given, sys.stdout)
    photos, mark = peers_mark()
    ours = estimate(photos, aws.region, _capacity(given), given.mode)
    print(f"for comparison, a build of our peers: {mark}")
    print(f"  as many here: {ours.usd:.2f} USD, about {ours.minutes:.0f} minutes, estimated as above")
    return DONE


def submit_build(given: argparse.Namespace) -> int:
    """`emr submit`: prints the version that is current when the build has ended well."""
    from botocore.exceptions import ClientError

    from batch.emr.runs import current_version, follow_run
    from batch.emr.submit import BuildRequest, submit

    aws = _open(given)
    stack = _stack(aws, given)
    for bucket in (stack.corpus_bucket, stack.bundle_bucket):
        aws.check_bucket(bucket)
    priced = _price(aws, stack, given)
    _print_estimate(priced, given, sys.stderr)
    if priced.usd > given.max_cost:
        _log.warning(
            "refused: the estimate of %.2f USD is above --max-cost %.2f; nothing was started",
            priced.usd,
            given.max_cost,
        )
        return REFUSED
    request = BuildRequest(
        corpora=_corpora(given, stack),
        capacity=_capacity(given),
        max_usd=given.max_cost,
        mode=given.mode,
        options=_build_options(given),
        subnets=tuple(given.subnet),
    )
    run = submit(aws, stack, request, priced)
    if given.no_wait:
        print(run)
        return DONE
    how_to_follow = (f"the run {run} goes on", f"emr status {run} --wait {_again(given)}")
    try:
        status = follow_run(aws, stack, run)
    except KeyboardInterrupt:
        return _interrupted(*how_to_follow)
    except (ClientError, StoreUnavailable):  # the network, or credentials that have run out meanwhile
        _interrupted(*how_to_follow)
        raise
    if status.succeeded is False:
        _log.warning("python -m batch emr logs %s %s  shows what it said", run, _again(given))
        return FAILED
    if not aws.dry_run:
        print(current_version(aws, stack))
    return DONE


def print_status(given: argparse.Namespace) -> int:
    """`emr status`: fails when the run did."""
    from batch.emr.runs import follow_run, latest_run, run_status

    aws = _open(given)
    stack = _stack(aws, given)
    run = given.run or latest_run(aws, stack)
    try:
        status = follow_run(aws, stack, run) if given.wait else run_status(aws, stack, run)
    except KeyboardInterrupt:
        return _interrupted(f"the run {run} goes on", f"emr status {run} --wait {_again(given)}")
    print(status)
    return FAILED if status.succeeded is False else DONE


def print_logs(given: argparse.Namespace) -> int:
    """`emr logs`."""
    from batch.emr.runs import latest_run, log_lines

    aws = _open(given)
    stack = _stack(aws, given)
    for line in log_lines(aws, stack, given.run or latest_run(aws, stack), executors=given.executors):
        print(line)
    return DONE


def remove_stack(given: argparse.Namespace) -> int:
    """`emr teardown`: refuses while the corpus bucket holds data, unless that may go."""
    from batch.emr.teardown import find_remains, teardown

    aws = _open(given)
    remains = find_remains(aws, given.stack)
    if remains is None:
        print(f"there is no stack {given.stack} in {aws.region}; nothing to remove")
        return DONE
    if remains.corpus_has_data and not given.delete_data:
        _log.warning(
            "refused: s3://%s holds photographs or old versions of them, and --delete-data was not given. "
            "Nothing was removed; idle, the stack costs its stored bytes only",
            remains.resources["CorpusBucket"],
        )
        return REFUSED
    if (
        not given.yes
        and not aws.dry_run
        and not _agreed(given.stack, remains.resources, remains.corpus_has_data)
    ):
        _log.warning("nothing was removed")
        return FAILED
    try:
        teardown(aws, given.stack, remains, delete_data=given.delete_data)
    except KeyboardInterrupt:
        return _interrupted("what AWS has begun goes on", f"emr teardown {_again(given)}")
    if not aws.dry_run:
        print(f"the stack {given.stack} and everything in it is gone from {aws.region}")
    return DONE


def _agreed(stack: str, resources: Mapping[str, str], with_corpus: bool) -> bool:
    corpus = "ITS PHOTOGRAPHS, " if with_corpus else ""
    print(
        f"This removes the stack {stack} for good: {len(resources)} resources, {corpus}every bundle, every "
        "feature, all logs."
    )
    try:
        return input(f"Type {stack} to remove it: ").strip() == stack
    except EOFError:
        return False


def at_the_edge(action: Callable[[argparse.Namespace], int], given: argparse.Namespace) -> int:
    """Run one command; what AWS refuses becomes one line."""
    from botocore.exceptions import ClientError

    from batch.emr.aws import message, reason

    try:
        return action(given)
    except ClientError as error:
        raise FruitsError(
            f"AWS refuses {error.operation_name} ({reason(error)}): {message(error)}. docs/aws.md says what "
            "the credentials must allow."
        ) from error


def _open(given: argparse.Namespace) -> "Aws":
    from batch.emr.aws import Aws

    aws = Aws.open(given.region, given.profile, given.endpoint_url, dry_run=given.dry_run)
    if not aws.dry_run:
        aws.say = _log.info
    return aws


def _stack(aws: "Aws", given: argparse.Namespace) -> "Stack":
    from batch.emr.stack import find_stack

    return find_stack(aws, given.stack)


def _price(aws: "Aws", stack: "Stack | None", given: argparse.Namespace) -> Estimate:
    from batch.emr.corpus_bucket import count_photos

    photos = given.photos
    if photos is None and stack is not None:
        photos = sum(count_photos(aws, uri) for uri in _corpora(given, stack))
        if aws.dry_run:
            photos = peers_mark()[0]
            aws.say(
                f"(not counted in a dry run; {photos:,} photos are assumed, --photos says another number)"
            )
    return estimate(photos, aws.region, _capacity(given), given.mode)


def _print_estimate(priced: Estimate, given: argparse.Namespace, out: IO[str]) -> None:
    lines = [
        f"{priced.photos:,} photos on {_capacity(given).executors} executors, {given.mode}",
        f"  about {priced.minutes:.0f} minutes, {priced.usd:.2f} USD",
        f"  {priced.compute_usd:.3f} USD: {priced.vcpu_hours:.2f} vCPU-hours, {priced.gb_hours:.2f} GB-hours",
        f"  {priced.requests_usd:.3f} USD: {priced.reads:,} reads and {priced.writes:,} writes of S3",
    ]
    lines += [f"  - {assumption}" for assumption in priced.assumptions]
    print("\n".join(lines), file=out)


def _capacity(given: argparse.Namespace) -> Capacity:
    return replace(SERVERLESS if given.mode == "serverless" else EC2, executors=given.executors)


def _corpora(given: argparse.Namespace, stack: "Stack") -> tuple[str, ...]:
    from batch.emr.corpus_bucket import DEFAULT_PREFIX, corpus_uri

    return tuple(corpus_uri(corpus, stack.corpus_bucket) for corpus in given.corpus or [DEFAULT_PREFIX])


def _build_options(given: argparse.Namespace) -> tuple[str, ...]:
    options = [] if given.components is None else ["--components", str(given.components)]
    options += [] if given.whitening is None else ["--whitening", str(given.whitening)]
    options += ["--strict-labels"] * given.strict_labels + ["--force"] * given.force
    return tuple(options)


def _again(given: argparse.Namespace) -> str:
    """Options that lead to the same stack."""
    named = {"--stack": given.stack, "--region": given.region, "--profile": given.profile}
    return " ".join(f"{option} {value}" for option, value in named.items() if value)


def _interrupted(what: str, command: str) -> int:
    print(f"\n{what}; follow it with:\n  python -m batch {command}", file=sys.stderr)
    return FAILED
