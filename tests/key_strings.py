"""Finds what looks like a key, a token or a password in bytes."""

import re

_KINDS = {
    "AWS access key": rb"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])",
    "AWS secret": rb"(?i)aws_?secret_?(?:access_?)?key\W{1,5}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
    "signed address": rb"(?i)X-Amz-(?:Signature=[0-9a-f]{64}|Security-Token=[A-Za-z0-9%/+]{20})",
    "private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}",
    "GitHub token": rb"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50})",
    "GitLab token": rb"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20}",
    "package index token": rb"(?<![A-Za-z0-9])(?:pypi-AgEI[A-Za-z0-9_-]{40}|npm_[A-Za-z0-9]{36})",
    "Slack token": rb"(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{20}",
    "Google key": rb"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}",
    "model service key": rb"(?<![A-Za-z0-9-])sk-(?:ant-|proj-)?[A-Za-z0-9_-]{32}",
    "signed token": rb"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "password in an address": rb"(?i)\b[a-z][a-z0-9+.-]*://[A-Za-z0-9._%+-]+:[A-Za-z0-9._%+-]{3,}@[a-z0-9]",
    "bearer": rb"(?i)authorization\W{1,4}(?:bearer|basic) +[A-Za-z0-9+/_.-]{20}",
}
PATTERNS = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}


def keys_in(data: bytes) -> list[tuple[str, str]]:
    """List (kind, what was found) in bytes."""
    return [
        (kind, match.group().decode("ascii", "replace"))
        for kind, pattern in PATTERNS.items()
        for match in pattern.finditer(data)
    ]
