"""Keeps secrets out of messages: addresses may carry passwords or signatures, and S3 repeats tokens."""

import re

from models.errors import LocationInvalid

_S3_SCHEMES = ("s3", "s3a", "s3n")
_HIDDEN = "***"
_PORT = re.compile(r"(?::\d*|\])\Z", re.ASCII)
_SIGNED_QUERY = re.compile(
    r"\?(?:.*&)?(?:x-amz-[a-z-]+|awsaccesskeyid|signature|sig|[a-z_-]*token)=", re.IGNORECASE
)
_ERROR_DOCUMENT = re.compile(r":?\s*<(?:\?xml|Error>).*", re.DOTALL)
_ERROR_FIELD = re.compile(r"<(Code|Message)>([^<]*)</\1>")


def masked(address: str) -> str:
    """Give an address as it may be shown and logged: without user, password and query.

    Args:
        address: anything that was meant as one; a plain path comes back as it is.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    rest, queried, _ = rest.partition("?")
    host, slash, path = rest.partition("/")
    if _runs_past_a_slash(scheme, rest):
        _, found, rest = rest.rpartition("@")
        rest = f"{_HIDDEN}@{rest}" if found else _HIDDEN
    else:
        _, found, host = host.rpartition("@")
        rest = f"{_HIDDEN * bool(found)}{found}{host}{slash}{path}"
    return f"{scheme}://{rest}{queried}{_HIDDEN * bool(queried)}"


def refuse_secrets(address: str, subject: str = "the address") -> None:
    """Refuse an address that carries a password, keys or a signature: addresses are logged and published.

    Args:
        address: of photographs or bundles.
        subject: what it is, for the message.

    Raises:
        LocationInvalid: it carries one; the message does not.
    """
    scheme, separator, rest = address.partition("://")
    host = rest.partition("/")[0]
    password = "@" in host and ":" in host.rpartition("@")[0]
    if separator and (password or _runs_past_a_slash(scheme, rest) or _SIGNED_QUERY.search(rest)):
        raise LocationInvalid(
            f"{subject} {masked(address)} carries a password, keys or a signature, which would end up in "
            "logs; leave them out and give credentials by the AWS configuration (variables, profiles, roles)"
        )


def refuse_more_than_a_server(endpoint_url: str) -> None:
    """Refuse an S3 endpoint with a user, a password, a query or a fragment: S3 has no use for them.

    Raises:
        LocationInvalid: it has one; the message does not show it.
    """
    server, fragment, _ = endpoint_url.partition("#")
    if fragment or masked(server) != server:
        raise LocationInvalid(
            f"the S3 endpoint {masked(server)} carries a user, a password or a query, which would end up in "
            "logs; write the server alone, such as https://s3.example:9000, and give credentials by the AWS "
            "configuration (variables, profiles, roles)"
        )


def _runs_past_a_slash(scheme: str, rest: str) -> bool:
    """Tell whether keys or a password stand in front, which may hold slashes: those of AWS often do."""
    host, _, path = rest.partition("/")
    if scheme.lower() in _S3_SCHEMES:  # a bucket has no port
        return ":" in host
    return ":" in host and "@" not in host and "@" in path and not _PORT.search(host)


def reason(error: BaseException) -> str:
    """Say in one line why an object store refused: S3's code and words.

    The rest of its answer is left out: S3 repeats keys, tokens and signatures there.
    """
    said, _, _ = str(error).partition("\n\nDebug source:")
    first = _ERROR_DOCUMENT.sub("", said).strip().partition("\n")[0] or type(error).__name__
    told = ": ".join(text for _, text in _ERROR_FIELD.findall(said) if text)
    return f"{first} ({told})" if told else first
