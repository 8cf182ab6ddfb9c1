"""The command line of the offline layer: `python -m batch COMMAND --help`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a gate (`batch.exit_codes`).
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from batch import commands
from batch.arguments import count, positive, share
from batch.emr import command_line as emr
from batch.exit_codes import FAILED, WRONG_USAGE
from batch.settings import DEFAULT_COMPONENTS
from models.errors import FruitsError, LocationInvalid, RegionRefused, SettingsError

_USAGE_ERRORS = (SettingsError, LocationInvalid, RegionRefused)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = _parser().parse_args(arguments)
    _configure_logging(given.verbose)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except FruitsError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_USAGE if isinstance(error, _USAGE_ERRORS) else FAILED
    except KeyboardInterrupt:
        print(
            "stopped; what is in the feature store is kept, and the current bundle is as it was",
            file=sys.stderr,
        )
        return FAILED
    except Exception as error:  # the outermost edge: a person sees one line, the log has the rest
        logging.getLogger("batch").debug("failed", exc_info=True)
        print(f"error: {type(error).__name__}: {error} (--verbose shows where)", file=sys.stderr)
        return FAILED


def _configure_logging(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
    )
    for noisy in ("py4j", "botocore", "boto3", "urllib3", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m batch", description="Build, measure and publish bundles."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_build(subparsers)
    _add_evaluate(subparsers)
    _add_bundles(subparsers)
    _add_synth(subparsers)
    emr.add_commands(subparsers, _command)
    return parser


def _command(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, help_text: str, example: str
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(
        name,
        help=help_text,
        description=help_text,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--verbose", action="store_true", help="log more, and show where an error came from")
    return parser


def _add_s3(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint-url", metavar="URL", help="of an S3-compatible server, instead of AWS")
    parser.add_argument("--region", help="of the buckets; must lie in the European Union")
    parser.add_argument("--profile", help="AWS profile to take credentials from")


def _add_build(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        subparsers,
        "build",
        "Build a bundle from folders of photos and publish it; prints its version.",
        "python -m batch build --corpus photos/ --store bundles/",
    )
    parser.add_argument(
        "--corpus",
        action="append",
        required=True,
        metavar="URI",
        help="folder of folders of photos: a path, file://, s3:// or hdfs://; may be repeated",
    )
    parser.add_argument("--store", required=True, metavar="URI", help="where bundles lie: a path or s3://")
    parser.add_argument(
        "--features", metavar="URI", help="where embeddings are kept between builds (default: STORE/features)"
    )
    parser.add_argument(
        "--network",
        default="fruitnet",
        metavar="NAME|FILE",
        help="fruitnet, mobilenet_v2 or a .tflite file (default: fruitnet)",
    )
    parser.add_argument(
        "--feature-tensor",
        metavar="NAME",
        help="tensor of the network to read as embedding (default: its output)",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="weights for mobilenet_v2 where keras.applications cannot fetch them",
    )
    parser.add_argument(
        "--components",
        type=positive,
        default=DEFAULT_COMPONENTS,
        metavar="N",
        help=f"of the PCA (default: {DEFAULT_COMPONENTS})",
    )
    parser.add_argument(
        "--whitening",
        type=share,
        default=0.0,
        metavar="POWER",
        help="divide the PCA's components by this power of their deviation, 0 to 1; the default bundle has "
        "0.5 (default: 0)",
    )
    parser.add_argument(
        "--neighbours",
        type=positive,
        metavar="K",
        help="let the K nearest neighbours decide alone (default: blended with a linear head)",
    )
    parser.add_argument(
        "--master", default="local[*]", metavar="URL", help="Spark master (default: local[*])"
    )
    parser.add_argument(
        "--reader",
        choices=["auto", "hadoop"],
        default="auto",
        help="hadoop reads every corpus through Spark's own file readers",
    )
    parser.add_argument(
        "--strict-labels", action="store_true", help="refuse folders that the catalogue does not know"
    )
    parser.add_argument(
        "--max-rejects",
        type=share,
        default=0.25,
        metavar="SHARE",
        help="share of photos that may be unusable (default: 0.25)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="publish even if the bundle is clearly worse than the current one",
    )
    _add_s3(parser)
    parser.set_defaults(command=commands.build_bundle)


def _add_evaluate(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        subparsers,
        "evaluate",
        "Score a bundle on folders of labelled photos.",
        "python -m batch evaluate --bundle bundles/ --photos phone/ --json",
    )
    parser.add_argument(
        "--bundle",
        default="default",
        metavar="WHICH",
        help="default, a bundle folder, a store, or STORE@VERSION (default: default)",
    )
    parser.add_argument(
        "--photos",
        action="append",
        required=True,
        metavar="DIR",
        help="folder of folders of photos; may be repeated",
    )
    parser.add_argument(
        "--only-kept-apart",
        action="store_true",
        help="ask only photos that look like none that training may have seen, before they joined the index",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    _add_s3(parser)
    parser.set_defaults(command=commands.evaluate_bundle)


def _add_bundles(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        subparsers,
        "bundles",
        "List the bundles of a store, or change which one is current.",
        "python -m batch bundles list --store bundles/",
    )
    parser.add_argument("action", choices=["list", "promote", "rollback"])
    parser.add_argument("version", nargs="?", help="to promote")
    parser.add_argument("--store", required=True, metavar="URI")
    _add_s3(parser)
    parser.set_defaults(command=commands.manage_bundles)


def _add_synth(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        subparsers,
        "synth",
        "Render a corpus of fruit photographs, for machines without any.",
        "python -m batch synth --out photos/ --photos 40 --seed 1",
    )
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--photos", type=count, default=40, metavar="N", help="of each fruit (default: 40)")
    parser.add_argument(
        "--negatives", type=count, default=80, metavar="N", help="that show no fruit (default: 80)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--kind",
        choices=["corpus", "asked"],
        default="corpus",
        help="asked photos have other backgrounds, light, poses and noise",
    )
    parser.set_defaults(command=commands.render_photos)


if __name__ == "__main__":
    raise SystemExit(main())
