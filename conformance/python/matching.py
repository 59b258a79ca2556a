"""Compare results with what a scenario expects of them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any, Dict, List, Optional

TYPES = {"NoneType": "null", "bool": "boolean", "str": "text", "int": "integer", "float": "number", "list": "list", "dict": "object"}


def match(path: str, want: Any, got: Any) -> List[str]:
    """Describe the differences, each with its path."""
    if isinstance(want, dict):
        rule = rule_of(want)
        if rule is not None:
            return [] if RULES[rule](want[rule], got) else [differ(path, want, got)]
        if not isinstance(got, dict):
            return [differ(path, want, got)]
        found = []
        for name, value in want.items():
            if name not in got and rule_of(value) != "$absent":
                found.append(f"{path or 'the result'} has no field {name!r}")
            else:
                found += match(f"{path}.{name}".lstrip("."), value, got.get(name))
        return found
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            return [differ(path, want, got)]
        return [text for index, value in enumerate(want) for text in match(f"{path}[{index}]", value, got[index])]
    # In Python True == 1, in JSON it is not.
    same = want == got and isinstance(want, bool) == isinstance(got, bool)
    return [] if same else [differ(path, want, got)]


def rule_of(want: Any) -> Optional[str]:
    """The matcher that a value is, if it is one."""
    if isinstance(want, dict) and len(want) == 1:
        name = next(iter(want))
        return name if name in RULES else None
    return None


def differ(path: str, want: Any, got: Any) -> str:
    """One difference."""
    return f"{path or 'the result'}: expected {shown(want)}, got {shown(got)}"


def shown(value: Any) -> str:
    """A value as JSON, cut to a readable length."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 600 else text[:600] + "…"


def _of_type(names: Any, got: Any) -> bool:
    kind = TYPES.get(type(got).__name__, "object")
    wanted = names if isinstance(names, list) else [names]
    return kind in wanted or (kind == "integer" and "number" in wanted)


def _bytes(got: Any) -> Optional[bytes]:
    try:
        return base64.b64decode(got, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return None


RULES: Dict[str, Any] = {
    "$type": _of_type,
    "$one_of": lambda options, got: any(not match("", option, got) for option in options),
    "$contains": lambda part, got: isinstance(got, str) and part in got,
    "$between": lambda ends, got: isinstance(got, (int, float)) and ends[0] <= got <= ends[1],
    "$length": lambda length, got: isinstance(got, (str, list)) and len(got) == length,
    "$utf8": lambda text, got: _bytes(got) == text.encode("utf-8"),
    "$sha256": lambda digest, got: hashlib.sha256(_bytes(got) or b"").hexdigest() == digest,
    "$absent": lambda _, got: got is None or got in ("", []),
}
