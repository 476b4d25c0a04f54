"""Bodies of one JSON object a line, of which all are taken or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from terminals.errors import LineRefused
from terminals.wire.errors import RecordError

Read = TypeVar("Read")


def read_lines(body: bytes, *, limit: int, read: Callable[[Mapping[str, Any]], Read]) -> list[Read]:
    """What `read` makes of each line. Raises LineRefused, which names line and field."""
    lines = body.splitlines()
    if not 0 < len(lines) <= limit:
        raise LineRefused(line=0, field="body", reason=f"has from 1 to {limit} lines")
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            content = json.loads(line)
            if not isinstance(content, dict):
                raise RecordError("line", "must be a JSON object")
            found.append(read(content))
        except RecordError as error:
            raise LineRefused(line=number, field=error.field, reason=error.rule) from error
        except (ValueError, RecursionError) as error:
            raise LineRefused(line=number, field="line", reason="is no JSON") from error
    return found
