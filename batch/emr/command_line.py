"""`python -m batch emr ...`: builds on AWS, from nothing to a bundle and back to nothing."""

import argparse
from collections.abc import Callable
from typing import Protocol, TypeAlias

from batch.arguments import amount, positive, share
from batch.emr import actions

DEFAULT_STACK = "fruits"
DEFAULT_MAX_COST_USD = 2.0
_Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class NewCommand(Protocol):
    """Adds a command with help and an example; `batch.__main__` makes all its commands so."""

    def __call__(
        self, subparsers: _Subparsers, name: str, help_text: str, example: str
    ) -> argparse.ArgumentParser: ...


def add_commands(subparsers: _Subparsers, new_command: NewCommand) -> None:
    """Add `emr` and the six commands below it."""
    emr = subparsers.add_parser(
        "emr",
        help="Build on AWS, in the European Union.",
        description="Build on AWS, in the European Union: deploy, estimate, submit, status, logs, teardown.",
        epilog="example:\n  python -m batch emr deploy --alarm-email you@example.com --dry-run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below = emr.add_subparsers(required=True, metavar="COMMAND")
    _add_deploy(below, new_command)
    _add_estimate(below, new_command)
    _add_submit(below, new_command)
    _add_status(below, new_command)
    _add_logs(below, new_command)
    _add_teardown(below, new_command)


def _add_common(parser: argparse.ArgumentParser, action: Callable[[argparse.Namespace], int]) -> None:
    parser.add_argument(
        "--stack",
        default=DEFAULT_STACK,
        metavar="NAME",
        help=f"of the CloudFormation stack (default: {DEFAULT_STACK})",
    )
    parser.add_argument(
        "--region", help="in the European Union (default: the AWS configuration's, else eu-west-3)"
    )
    parser.add_argument("--profile", help="AWS profile to take credentials from")
    parser.add_argument("--endpoint-url", metavar="URL", help="of a server that stands in for AWS")
    parser.add_argument(
        "--dry-run", action="store_true", help="print every call with its parameters, make none"
    )
    parser.set_defaults(command=lambda given: actions.at_the_edge(action, given))


def _add_deploy(subparsers: _Subparsers, new_command: NewCommand) -> None:
    parser = new_command(
        subparsers,
        "deploy",
        "Make the stack, or bring it up to date: buckets, EMR Serverless, roles, logs, budget.",
        "python -m batch emr deploy --region eu-west-3 --alarm-email you@example.com",
    )
    parser.add_argument("--alarm-email", metavar="ADDRESS", help="told when costs near the budget")
    parser.add_argument("--monthly-budget", type=amount, metavar="USD", help="(default: 20)")
    parser.add_argument(
        "--max-vcpu", type=positive, metavar="N", help="cap of all runs together (default: 16)"
    )
    parser.add_argument(
        "--max-memory", type=positive, metavar="GB", help="cap of all runs together (default: 64)"
    )
    parser.add_argument("--log-days", type=positive, metavar="N", help="that logs are kept (default: 14)")
    parser.add_argument(
        "--api-principal",
        metavar="ARN",
        help="user or role outside ECS that may read bundles as the API does",
    )
    _add_common(parser, actions.deploy_stack)


def _add_estimate(subparsers: _Subparsers, new_command: NewCommand) -> None:
    parser = new_command(
        subparsers,
        "estimate",
        "Price a build before it starts, from measured rates and a dated table of prices.",
        "python -m batch emr estimate --photos 67692 --region eu-west-3",
    )
    _add_size(parser)
    _add_common(parser, actions.print_estimate)


def _add_submit(subparsers: _Subparsers, new_command: NewCommand) -> None:
    parser = new_command(
        subparsers,
        "submit",
        "Start a build and follow it; prints the version of the bundle it published.",
        "python -m batch emr submit --corpus photos --max-cost 1.50",
    )
    _add_size(parser)
    parser.add_argument(
        "--max-cost",
        type=amount,
        default=DEFAULT_MAX_COST_USD,
        metavar="USD",
        help=f"refuse a dearer build, and stop EMR Serverless there (default: {DEFAULT_MAX_COST_USD:.2f})",
    )
    parser.add_argument("--components", type=positive, metavar="N", help="of the PCA")
    parser.add_argument("--whitening", type=share, metavar="POWER", help="of its components, 0 to 1")
    parser.add_argument("--strict-labels", action="store_true", help="refuse folders that nobody knows")
    parser.add_argument("--force", action="store_true", help="publish even a clearly worse bundle")
    parser.add_argument(
        "--subnet", action="append", default=[], metavar="ID", help="for --mode ec2; may be repeated"
    )
    parser.add_argument("--no-wait", action="store_true", help="return once it is started")
    _add_common(parser, actions.submit_build)


def _add_status(subparsers: _Subparsers, new_command: NewCommand) -> None:
    parser = new_command(
        subparsers,
        "status",
        "Say how a build on AWS stands, by default the newest.",
        "python -m batch emr status --wait",
    )
    parser.add_argument("run", nargs="?", help="id of a job run or of a cluster")
    parser.add_argument("--wait", action="store_true", help="follow it to its end")
    _add_common(parser, actions.print_status)


def _add_logs(subparsers: _Subparsers, new_command: NewCommand) -> None:
    parser = new_command(
        subparsers,
        "logs",
        "Print what a build on AWS has logged, by default the newest.",
        "python -m batch emr logs --executors",
    )
    parser.add_argument("run", nargs="?", help="id of a job run or of a cluster")
    parser.add_argument("--executors", action="store_true", help="also what executors say")
    _add_common(parser, actions.print_logs)


def _add_teardown(subparsers: _Subparsers, new_command: NewCommand) -> None:
    parser = new_command(
        subparsers,
        "teardown",
        "Remove everything that deploy made; asks first.",
        "python -m batch emr teardown --dry-run",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--delete-data", action="store_true", help="also where the corpus bucket holds photographs"
    )
    _add_common(parser, actions.remove_stack)


def _add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corpus",
        action="append",
        metavar="PREFIX",
        help="in the stack's corpus bucket, or its s3:// address; may be repeated (default: photos)",
    )
    parser.add_argument(
        "--photos", type=positive, metavar="N", help="to price (default: counted in the bucket)"
    )
    parser.add_argument(
        "--executors", type=positive, default=3, metavar="N", help="of 4 cores each (default: 3)"
    )
    parser.add_argument(
        "--mode",
        choices=["serverless", "ec2"],
        default="serverless",
        help="EMR Serverless, or a cluster on EC2 with Spot machines (default: serverless)",
    )
