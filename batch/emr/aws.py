"""Every call to AWS goes through here: after the region was checked, and only printed when asked to."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.validate import ParamValidator

from models.errors import LocationInvalid, SettingsError, StoreUnavailable
from models.masking import refuse_more_than_a_server
from models.regions import DEFAULT_REGION, check_endpoint, check_region, is_loopback
from models.s3_access import bucket_region

POLL_S = 10.0
_SHOWN_CHARACTERS = 400
# A dry run signs nothing: with credentials of its own it does not go and look for those of this machine.
_NO_CREDENTIALS = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "none")


@dataclass
class Aws:
    """One account in one region of the European Union.

    Attributes:
        region: where everything happens.
        session: of boto3, with the credentials in use.
        endpoint_url: of a server that stands in for AWS.
        dry_run: print each call instead of making it.
        say: where a call is printed.
        wait: pauses between two looks at something that takes its time; seconds.
    """

    region: str
    session: Any
    endpoint_url: str | None = None
    dry_run: bool = False
    say: Callable[[str], None] = print
    wait: Callable[[float], None] = time.sleep
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def open(
        cls,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        *,
        dry_run: bool = False,
    ) -> "Aws":
        """Settle the region and check it, before anything is called.

        Args:
            region: that was asked for; else the one of the AWS configuration, else the default.
            profile: of the AWS configuration.
            endpoint_url: of a server that stands in for AWS.
            dry_run: print each call instead of making it.

        Raises:
            RegionRefused: the region, or that of an endpoint of AWS, is outside the European Union.
            LocationInvalid: the endpoint carries a secret.
            SettingsError: no such profile.
        """
        try:
            session = boto3.Session(profile_name=profile, region_name=region)
            settled = str(session.region_name or DEFAULT_REGION)
            check_region(settled)
            if endpoint_url:
                refuse_more_than_a_server(endpoint_url)
                check_endpoint(endpoint_url)
            # Named once more: without a region, a role's credentials would be asked for in the United States.
            session = boto3.Session(profile_name=profile, region_name=settled)
        except BotoCoreError as error:
            raise SettingsError(f"The AWS configuration cannot be used: {error}. Check --profile.") from error
        return cls(settled, session, endpoint_url, dry_run)

    def call(
        self,
        service: str,
        operation: str,
        parameters: Mapping[str, Any],
        planned: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make one call, or print it.

        Args:
            service: as boto3 names it, `emr-serverless`.
            operation: as boto3 names it, `start_job_run`.
            parameters: of the operation.
            planned: what a dry run takes for the answer.

        Raises:
            SettingsError: a dry run's parameters do not fit the service.
            ClientError: AWS refused; the caller knows whether that is an error.
            StoreUnavailable: no credentials, or no answer.
        """
        client = self.client(service)
        if self.dry_run:
            self._check(client, operation, parameters)
            self.say(f"{service} {operation} {_shown(parameters)}")
            return dict(planned or {})
        try:
            return dict(getattr(client, operation)(**parameters))
        except BotoCoreError as error:
            raise StoreUnavailable(
                f"{service} does not answer in {self.region}: {error}. Check the network and the credentials."
            ) from error

    def pages(
        self,
        service: str,
        operation: str,
        parameters: Mapping[str, Any],
        planned: Mapping[str, Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Make a call for every page of its answer, or print the first.

        Raises:
            as `call`.
        """
        if self.dry_run:
            yield self.call(service, operation, parameters, planned)
            return
        try:
            yield from self.client(service).get_paginator(operation).paginate(**parameters)
        except BotoCoreError as error:
            raise StoreUnavailable(
                f"{service} does not answer in {self.region}: {error}. Check the network and the credentials."
            ) from error

    def upload(self, path: Path, bucket: str, key: str) -> None:
        """Put a file, in parts when it is large, or print that.

        Raises:
            ClientError, StoreUnavailable: it was not taken.
        """
        if self.dry_run:
            self.say(f"s3 put_object {_shown({'Bucket': bucket, 'Key': key, 'Body': str(path)})}")
            return
        try:
            self.client("s3").upload_file(str(path), bucket, key)
        except (BotoCoreError, OSError, boto3.exceptions.S3UploadFailedError) as error:
            raise StoreUnavailable(f"{path} was not taken by s3://{bucket}/{key}: {error}") from error

    def check_bucket(self, bucket: str) -> None:
        """Ask S3 where a bucket lies and refuse one outside the European Union, or print the question.

        Raises:
            RegionRefused: it lies elsewhere.
            LocationMissing, StoreUnavailable: it is not there, or not ours to ask about.
        """
        if self.dry_run:
            self.call("s3", "head_bucket", {"Bucket": bucket})
            return
        client = self.client("s3")
        local = is_loopback(client.meta.endpoint_url)
        own_region = bucket_region(client, bucket, guarded=not local)
        if not local:
            check_region(own_region, f"the region of bucket {bucket}")

    def client(self, service: str) -> Any:
        """Give the client of a service; making one calls nobody.

        Raises:
            RegionRefused: its endpoint is of AWS and outside the European Union.
            LocationInvalid: its endpoint is malformed.
        """
        if service not in self._clients:
            config = Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"mode": "standard", "total_max_attempts": 5},
                s3={"addressing_style": "path"} if is_loopback(self.endpoint_url) else None,
            )
            options = {"region_name": self.region, "endpoint_url": self.endpoint_url, "config": config}
            if self.dry_run:
                options |= _NO_CREDENTIALS
            try:
                client = self.session.client(service, **options)
            except (ValueError, BotoCoreError) as error:
                raise LocationInvalid(
                    f"{service} cannot be addressed at {self.endpoint_url or self.region}: {error}"
                ) from error
            # The AWS configuration may name one as well.
            refuse_more_than_a_server(client.meta.endpoint_url)
            check_endpoint(client.meta.endpoint_url)
            self._clients[service] = client
        return self._clients[service]

    @staticmethod
    def _check(client: Any, operation: str, parameters: Mapping[str, Any]) -> None:
        name = client.meta.method_to_api_mapping[operation]
        shape = client.meta.service_model.operation_model(name).input_shape
        report = ParamValidator().validate(dict(parameters), shape)
        if report.has_errors():
            raise SettingsError(f"{name} would be refused: {report.generate_report()}")


def reason(error: ClientError) -> str:
    """Give the code by which AWS names an error, such as `ValidationError`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    """Give what AWS says about an error."""
    return str(error.response.get("Error", {}).get("Message", error))


def _shown(parameters: Mapping[str, Any]) -> str:
    return json.dumps({name: _shortened(value) for name, value in parameters.items()}, default=str)


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _SHOWN_CHARACTERS and "\n" in value:
        digest = hashlib.sha256(value.encode()).hexdigest()[:12]
        return f"<{len(value)} characters, SHA-256 {digest}...>"
    return value
