"""No message shows what an address or an answer of S3 carries beside its name."""

import pytest

from batch.emr.aws import Aws
from batch.hadoop import check_address
from models.errors import FruitsError, LocationInvalid
from models.locations import S3Options, open_location
from models.masking import masked, reason, refuse_more_than_a_server, refuse_secrets

KEY, SECRET, PASSWORD = "AKIA" + "X" * 16, "wJalr/bPx+Rfi/" + "s" * 26, "s" * 26
SIGNED = f"X-Amz-Credential={KEY}&X-Amz-Signature={'f' * 64}"
WITH_SECRETS = [
    f"s3://{KEY}:{SECRET}@bucket/photos",
    f"s3a://{KEY}:{SECRET}@bucket/photos",
    f"s3://{KEY}:{SECRET}",
    f"s3://bucket/photos?{SIGNED}",
    f"https://bucket.s3.eu-west-3.amazonaws.com/photos?a=1&{SIGNED}",
    f"ftp://user:{PASSWORD}@host/photos",
    f"hdfs://user:a/{PASSWORD}@host/photos",
]
PLAIN = [
    "/photos/a@b?c",
    "photos",
    "file:///photos/a%3Fb",
    "s3://bucket/a@b:c/d",
    "hdfs://host:8020/a@b",
    "hdfs://[::1]/a@b",
    "abfss://container@account.example/a",
]


def is_clean(text: str) -> bool:
    return not any(secret in text for secret in (KEY, SECRET, PASSWORD, "f" * 64))


@pytest.mark.parametrize("address", WITH_SECRETS)
def test_an_address_with_a_secret_is_refused_wherever_one_is_taken_and_never_shown(address: str) -> None:
    assert is_clean(masked(address))
    for take in (refuse_secrets, open_location, check_address):
        with pytest.raises(LocationInvalid) as refused:
            take(address)
        assert is_clean(str(refused.value))
        assert "***" in str(refused.value)


@pytest.mark.parametrize("address", PLAIN)
def test_an_address_without_one_is_not(address: str) -> None:
    refuse_secrets(address)
    if "container@" not in address:
        assert masked(address) == address


@pytest.mark.parametrize(
    "endpoint",
    [
        f"http://user:{PASSWORD}@127.0.0.1:9000",
        f"http://user:a/{PASSWORD}@127.0.0.1",
        "https://user@s3.example",
        f"https://s3.example/?{SIGNED}",
        "https://s3.example#token",
    ],
)
def test_an_s3_endpoint_is_a_server_and_nothing_more(endpoint: str) -> None:
    for take in (refuse_more_than_a_server, S3Options, lambda url: Aws.open("eu-west-3", endpoint_url=url)):
        with pytest.raises(LocationInvalid, match="credentials by the AWS") as refused:
            take(endpoint)
        assert is_clean(str(refused.value))


def test_an_endpoint_of_the_aws_configuration_is_held_to_the_same(
    aws_environment: pytest.MonkeyPatch,
) -> None:
    aws_environment.setenv("AWS_ENDPOINT_URL_S3", f"http://user:{PASSWORD}@127.0.0.1:9")
    with pytest.raises(FruitsError, match="the S3 endpoint") as refused:
        open_location("s3://bucket/photos")
    assert is_clean(str(refused.value))


def test_of_a_refusal_by_s3_only_its_code_and_its_words_are_told() -> None:
    answer = (
        "Generic S3 error: Error performing GET http://127.0.0.1:9/b/x in 2ms - Server returned non-2xx "
        f"status code: 400 Bad Request: <Error><Code>InvalidToken</Code>"
        f"<Message>The token is invalid.</Message><Token-0>{SECRET}</Token-0>"
        f"<AWSAccessKeyId>{KEY}</AWSAccessKeyId></Error>"
    )
    for text in (answer, answer.replace("<Error>", '<?xml version="1.0"?>\n<Error>')):
        said = reason(OSError(f"{text}\n\nDebug source:\n{text}"))
        assert said.endswith("status code: 400 Bad Request (InvalidToken: The token is invalid.)")
        assert is_clean(said)
    assert reason(OSError("the disk is gone\nand more")) == "the disk is gone"
    assert reason(ValueError()) == "ValueError"
