"""Shows parts of a JSON answer, a line each, long texts and lists cut short.

    curl ... | python -m examples.shortened answer results:name,score fruit:name,storage.text

names keys of the answer, and after a colon what to show of each: of a list, of each entry.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

TEXT, ITEMS = 140, 3
CUT = "…"


def shortened(value: Any) -> Any:
    """Cut texts, and lists of anything but numbers; what was cut ends in an ellipsis."""
    if isinstance(value, str):
        return value if len(value) <= TEXT else value[:TEXT].rstrip() + CUT
    if isinstance(value, list):
        some = value if all(isinstance(item, int | float) for item in value) else value[:ITEMS]
        return [shortened(item) for item in some] + [CUT] * (len(some) < len(value))
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value


def chosen(value: Any, fields: Sequence[str]) -> Any:
    """Keep some fields, such as `storage.text`, of an object or of each of a list; all if none is named."""
    if isinstance(value, list):
        return [chosen(item, fields) for item in value]
    if not isinstance(value, dict) or not fields:
        return value
    return {field: _at(value, field) for field in fields}


def lines(answer: dict[str, Any], wanted: Sequence[str]) -> str:
    """Lay out an answer: one key a line, and of lists of objects one object a line."""
    shown = []
    for word in wanted or list(answer):
        key, _, fields = word.partition(":")
        value = shortened(chosen(answer.get(key), fields.split(",") if fields else ()))
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n   " + ",\n   ".join(json.dumps(item, ensure_ascii=False) for item in value) + "]"
        shown.append(f"{json.dumps(key)}: {text}")
    return "{" + ",\n ".join(shown) + "}"


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


if __name__ == "__main__":
    print(lines(json.load(sys.stdin), sys.argv[1:]))
