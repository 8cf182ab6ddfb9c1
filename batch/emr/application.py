"""The EMR Serverless application: AWS changes and deletes one only while it is stopped."""

from botocore.exceptions import ClientError

from batch.emr.aws import POLL_S, Aws, reason

_AT_WORK = ("STARTING", "STARTED")
_AT_REST = ("CREATED", "STOPPED", "TERMINATED")


def stop_application(aws: Aws, application: str) -> None:
    """Stop an application and wait until it is; one that is stopped, or gone, is left alone.

    Raises:
        ClientError: AWS refuses, as it does while a run is under way.
    """
    who = {"applicationId": application}
    try:
        if _state(aws, application) in _AT_WORK:
            aws.call("emr-serverless", "stop_application", who)
        while _state(aws, application, "STOPPED") not in _AT_REST:
            aws.wait(POLL_S)
    except ClientError as error:
        if reason(error) != "ResourceNotFoundException":  # gone already, by an earlier try or by hand
            raise


def _state(aws: Aws, application: str, planned: str = "STARTED") -> str:
    answer = aws.call(
        "emr-serverless",
        "get_application",
        {"applicationId": application},
        {"application": {"state": planned}},
    )
    return str(answer["application"]["state"])
