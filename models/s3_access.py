"""Opens an S3 bucket: the regions checked, credentials through boto3, then objects through obstore.

A region outside the European Union is refused before credentials are looked for and before any call.

obstore reads `AWS_*` variables of its own and lets `AWS_ENDPOINT_URL_S3` win over `endpoint=`; everything
that decides where bytes go is therefore passed explicitly, as boto3 resolved it, so that the endpoint whose
region was checked is the endpoint that is used.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from models.errors import LocationInvalid, LocationMissing, StoreUnavailable
from models.masking import refuse_more_than_a_server
from models.regions import DEFAULT_REGION, check_endpoint, check_region, is_loopback

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

    from models.locations import S3Options

_CONNECT_TIMEOUT_S = 5
_READ_TIMEOUT_S = 20


def open_bucket(bucket: str, prefix: str, options: "S3Options") -> S3Store:
    """Open a prefix of a bucket, after its region was found inside the European Union.

    Args:
        bucket: bucket name.
        prefix: prefix without slashes at its ends; "" for the whole bucket.
        options: endpoint, region and profile, where they differ from the AWS configuration.

    Raises:
        RegionRefused: the region asked for, or the bucket's own, is outside the European Union.
        LocationMissing: no such bucket.
        LocationInvalid: the endpoint or the region is malformed, or the endpoint carries a secret.
        StoreUnavailable: no credentials, no access, or no answer.
    """
    session = _session(options)
    region = str(session.region_name)
    endpoint = _endpoint(session, options.endpoint_url, region)
    refuse_more_than_a_server(endpoint)  # the AWS configuration may name one as well
    local = is_loopback(endpoint)
    if not local:
        check_region(region, "the AWS region")
        check_endpoint(endpoint)
    _require_credentials(session)
    own_region = bucket_region(_client(session, endpoint, region), bucket, guarded=not local)
    if not local:
        check_region(own_region, f"the region of bucket {bucket}")
        endpoint = _endpoint(session, options.endpoint_url, str(own_region))
    return _objects(session, bucket, prefix, endpoint, own_region or region)


def bucket_region(client: Any, bucket: str, *, guarded: bool = True) -> str | None:
    """Ask S3 in which region a bucket lies; None when the server does not say.

    Args:
        client: a boto3 S3 client.
        bucket: bucket name.
        guarded: refuse a bucket outside the European Union at S3's first answer, before boto3 follows its
            redirection there.

    Raises:
        RegionRefused: the bucket lies outside the European Union.
        LocationMissing: no such bucket.
        StoreUnavailable: no access, or no answer.
    """

    def check_answer(response: tuple[Any, dict[str, Any]] | None, **_: object) -> None:
        region = _reported_region(response[1]) if response else None
        if region:
            check_region(region, f"the region of bucket {bucket}")

    if guarded:
        client.meta.events.register("needs-retry.s3.HeadBucket", check_answer)
    where = f"the bucket {bucket} at {client.meta.endpoint_url}"
    try:
        return _reported_region(client.head_bucket(Bucket=bucket))
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == 404:
            raise LocationMissing(f"{where} does not exist; check its name") from error
        raise StoreUnavailable(
            f"S3 refuses {where} (HTTP {status}): {error}. "
            "Check the credentials in use and that they allow s3:ListBucket on it."
        ) from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"S3 does not answer for {where}: {error}") from error


def _reported_region(answer: dict[str, Any]) -> str | None:
    region = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return str(region) if region else None


def _session(options: "S3Options") -> boto3.Session:
    """Read the AWS configuration; the region asked for is also where credentials will be asked for."""
    try:
        session = boto3.Session(profile_name=options.profile, region_name=options.region)
        if session.region_name is None:  # without one, credentials of a role would be asked for in the US
            session = boto3.Session(profile_name=options.profile, region_name=DEFAULT_REGION)
        return session
    except BotoCoreError as error:
        raise StoreUnavailable(
            f"the AWS configuration cannot be read: {error}. Check the profile."
        ) from error


def _endpoint(session: boto3.Session, endpoint_url: str | None, region: str) -> str:
    """Resolve where requests will go, without a call and without looking for credentials."""
    return str(_client(session, endpoint_url, region, signature_version=UNSIGNED).meta.endpoint_url)


def _require_credentials(session: boto3.Session) -> None:
    try:
        found = session.get_credentials() is not None
    except BotoCoreError as error:
        raise StoreUnavailable(f"the AWS credentials cannot be read: {error}. Check the profile.") from error
    if not found:
        raise StoreUnavailable(
            "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile "
            "(`aws configure`, `aws sso login`), or run under a role"
        )


def _client(session: boto3.Session, endpoint_url: str | None, region: str, **settings: Any) -> Any:
    config = Config(
        **settings,
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path"},
    )
    try:
        return session.client("s3", region_name=region, endpoint_url=endpoint_url, config=config)
    except (ValueError, BotoCoreError) as error:
        given = f"endpoint {endpoint_url}, region {region}"
        raise LocationInvalid(f"S3 cannot be addressed ({given}): {error}") from error


def _objects(session: boto3.Session, bucket: str, prefix: str, endpoint: str, region: str) -> S3Store:
    client_options: ClientConfig = {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=_CONNECT_TIMEOUT_S),
        "read_timeout": timedelta(seconds=_READ_TIMEOUT_S),
        "timeout": timedelta(minutes=5),
    }
    retry_config: RetryConfig = {
        "max_retries": 4,
        "retry_timeout": timedelta(seconds=60),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5)},
    }
    return S3Store(
        bucket,
        prefix=prefix or None,
        region=region,
        aws_endpoint_url_s3=endpoint,
        virtual_hosted_style_request=False,
        skip_signature=False,
        unsigned_payload=False,  # each request carries the SHA-256 of its body in its signature ...
        checksum_algorithm="SHA256",  # ... and S3 keeps it beside the object
        conditional_put="etag",
        credential_provider=Boto3CredentialProvider(session),
        client_options=client_options,
        retry_config=retry_config,
    )
