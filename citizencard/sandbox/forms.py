"""Form fields with brackets, as the API takes them: `metadata[order]=1&expand[]=charge` is an object and a list."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

_PART: Final = re.compile(r"\[([^\[\]]*)\]")


def nested(encoded: str) -> dict[str, Any]:
    """The fields of an encoded form or query. Leaves are texts; `[]` and `[0]`, `[1]` … make lists."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        head, *_ = name.split("[", 1)
        _put(root, [head, *_PART.findall(name[len(head) :])], value)
    return {name: _listed(value) for name, value in root.items()}


def _put(root: dict[str, Any], path: Iterable[str], value: str) -> None:
    *parents, leaf = path
    place = root
    for part in parents:
        below = place.setdefault(part, {})
        place = below if isinstance(below, dict) else {}
    place[leaf or str(len(place))] = value


def _listed(value: Any) -> Any:
    """Objects whose names count from 0 are lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(below) for name, below in value.items()}
    return list(inner.values()) if list(inner) == [str(at) for at in range(len(inner))] else inner
