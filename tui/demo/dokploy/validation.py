"""What a procedure must be given, and the words for what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.demo.dokploy.asking import Refusal

TYPES = ("application", "compose", "server", "schedule", "previewDeployment", "backup", "volumeBackup")
MOST = 10_000  # lines of a log
Issue = dict[str, Any]


def checked(params: Mapping[str, str], given: Mapping[str, Any], *, in_query: bool) -> dict[str, Any]:
    """`params`: name -> kind, a question mark behind it if it may be left out. What is not among them is let be.

    In a query all values are texts, and an empty one is none. Raises Refusal as Dokploy's validation does.
    """
    found = {name: value for name, value in given.items() if not (in_query and value == "")}
    issues: list[Issue] = []
    for name, kind in params.items():
        if name not in found:
            if not kind.endswith("?"):
                issues.append(_missing(name, kind))
            continue
        value = _coerced(found[name], kind) if in_query else found[name]
        issue = _issue(value, kind.rstrip("?"))
        if issue is None:
            found[name] = value
        else:
            issues.append({**issue, "path": [name]})
    if issues:
        raise Refusal(400, "BAD_REQUEST", "Input validation failed", issues)
    return found


def _coerced(value: Any, kind: str) -> Any:  # noqa: ANN401 - JSON
    if kind.startswith("number") and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value


def _missing(name: str, kind: str) -> Issue:
    if kind == "type":
        return {**_not_a_type(), "path": [name]}
    wanted = "nonoptional" if kind == "name" else kind
    return {
        "expected": wanted,
        "code": "invalid_type",
        "path": [name],
        "message": f"Invalid input: expected {wanted}, received undefined",
    }


def _issue(value: Any, kind: str) -> Issue | None:  # noqa: ANN401 - JSON
    match kind:
        case "type":
            return None if value in TYPES else _not_a_type()
        case "number":
            if not isinstance(value, int) or isinstance(value, bool):
                return _wrong("number", value)
            if value < 1:
                return _limit("too_small", "minimum", "Too small", ">=", 1)
            return _limit("too_big", "maximum", "Too big", "<=", MOST) if value > MOST else None
        case "boolean":
            return None if isinstance(value, bool) else _wrong(kind, value)
        case "object":
            return None if isinstance(value, dict) else _wrong(kind, value)
        case "array":
            return None if value is None or isinstance(value, list) else _wrong(kind, value)
    if not isinstance(value, str):
        return _wrong("string", value)
    return None if value else _limit("too_small", "minimum", "Too small", ">=", 1, "string", " characters")


def _wrong(expected: str, value: Any) -> Issue:  # noqa: ANN401 - JSON
    received = {str: "string", int: "number", float: "number", dict: "object", bool: "boolean", list: "array"}
    return {
        "expected": expected,
        "code": "invalid_type",
        "message": f"Invalid input: expected {expected}, received {received.get(type(value), 'null')}",
    }


def _limit(code: str, name: str, words: str, sign: str, limit: int, origin: str = "number", unit: str = "") -> Issue:
    to = "have" if unit else "be"
    message = f"{words}: expected {origin} to {to} {sign}{limit}{unit}"
    return {"origin": origin, "code": code, name: limit, "inclusive": True, "message": message}


def _not_a_type() -> Issue:
    message = "Invalid option: expected one of " + "|".join(f'"{each}"' for each in TYPES)
    return {"code": "invalid_value", "values": list(TYPES), "message": message}
