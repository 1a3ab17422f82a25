"""A tree of dicts, lists, texts and numbers as the text of a spec; a key with None stands alone: `{batch_norm, eps: 0.1}`."""

from __future__ import annotations

import json
import re
from typing import Any

from archgen.ops.number import BY_NUMBER

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ .+*/]*", re.ASCII)
_AS_MERGE = {op: merge for merge, op in BY_NUMBER.items()}
_LAYERS = ("stem", "stages", "head", "layers")


def text(spec: dict[str, Any]) -> str:
    """Writes a spec: layers and blocks a line each, the nodes in braces."""
    return "".join(_lines(spec, ""))


def _lines(tree: dict[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in tree.items():
        if key in (*_LAYERS, "blocks") and isinstance(value, dict) and value:
            lines.append(f"{indent}{key}:\n")
            for name, item in value.items():
                if key == "blocks":
                    lines += [f"{indent}  {name}:\n", *_lines(item, indent + "    ")]
                else:
                    lines.append(f"{indent}  {name}: {flow(item)}\n")
        else:
            lines.append(f"{indent}{key}: {flow(value)}\n")
    return lines


def _key(key: str, item: Any) -> str:
    """An op of a value and a number is written as the merge: `{multiply: 0.5}`."""
    return key if isinstance(item, dict) else _AS_MERGE.get(key, key)


def flow(value: Any) -> str:
    """Writes a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(key if item is None else f"{_key(key, item)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value) if type(value) is str and _PLAIN.fullmatch(value) else json.dumps(value)
    return repr(value)
