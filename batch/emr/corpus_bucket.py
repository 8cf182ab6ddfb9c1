"""Looks into the stack's corpus bucket: whether a corpus lies in it, and how many photos it holds."""

from pathlib import PurePosixPath

from botocore.exceptions import ClientError

from batch.corpus import NOT_IMAGES
from batch.emr.aws import Aws, message
from models.errors import CorpusError, SettingsError
from models.locations import is_s3, split_s3

DEFAULT_PREFIX = "photos"


def corpus_uri(corpus: str, bucket: str) -> str:
    """Give the full address of a corpus.

    Args:
        corpus: a prefix of the bucket, or an s3:// address in it.
        bucket: the stack's, the only one that the job may read.

    Raises:
        LocationInvalid, SettingsError: no address, or in another bucket.
    """
    uri = corpus if is_s3(corpus) else f"s3://{bucket}/{corpus.strip('/')}"
    named, prefix = split_s3(uri)
    if named != bucket:
        raise SettingsError(
            f"Expected a corpus in s3://{bucket}, the one bucket that the job may read, got {corpus}; copy "
            f"it there: aws s3 sync {corpus} s3://{bucket}/{DEFAULT_PREFIX}"
        )
    return f"s3://{named}/{prefix}".rstrip("/")


def count_photos(aws: Aws, uri: str) -> int:
    """Count the files of a corpus that may be photos by their names.

    Raises:
        CorpusError: none, or the bucket cannot be listed.
    """
    bucket, prefix = split_s3(uri)
    request = {"Bucket": bucket, "Prefix": f"{prefix}/" if prefix else ""}
    try:
        found = sum(
            entry["Size"] > 0 and PurePosixPath(entry["Key"]).suffix.lower() not in NOT_IMAGES
            for page in aws.pages("s3", "list_objects_v2", request)
            for entry in page.get("Contents", ())
        )
    except ClientError as error:
        raise CorpusError(f"{uri} cannot be listed: {message(error)}") from error
    if not found and not aws.dry_run:
        raise CorpusError(f"{uri} holds no photos; put some there: aws s3 sync photos/ {uri}")
    return found
