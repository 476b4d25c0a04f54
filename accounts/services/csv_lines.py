"""Lines of a CSV as an office's spreadsheet saves it: UTF-8 or GBK, bounded, nothing a database would choke on."""

from __future__ import annotations

import csv


class Unreadable(Exception):
    """It cannot be read: `encoding`, `format` or `too_long`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_lines(content: bytes, *, lines_max: int) -> list[list[str]]:
    """The file's fields, trimmed, without empty lines. Raises Unreadable."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Unreadable("encoding")
    if "\0" in text:  # PostgreSQL has no such character
        raise Unreadable("format")
    try:
        lines = [[part.strip() for part in line] for line in csv.reader(text.splitlines())]
    except csv.Error as error:
        raise Unreadable("format") from error
    lines = [line for line in lines if any(line)]
    if len(lines) > lines_max:
        raise Unreadable("too_long")
    return lines
