"""Reading back what reports were written to."""

from __future__ import annotations

import base64
import csv
import io
import re
import zlib

from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.S)
_SHOWN = re.compile(rb"\(((?:[^\\()]|\\.)*)\) Tj", re.S)
_ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.S)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def csv_rows(document: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(document.decode("utf-8-sig"), newline="")))


def sheet(document: bytes, name: str) -> Worksheet:
    found = load_workbook(io.BytesIO(document))[name]
    assert isinstance(found, Worksheet)
    return found


def pdf_words(document: bytes) -> list[str]:
    """Everything that is shown on the pages, in the order in which it is drawn."""
    words: list[str] = []
    for stream in _STREAM.findall(document):
        page = zlib.decompress(base64.a85decode(stream.strip(), adobe=False) if b"~>" not in stream else
                               base64.a85decode(b"<~" + stream.strip(), adobe=True))  # fmt: skip
        words += [_ESCAPED.sub(_plain, shown).decode("utf-16-be") for shown in _SHOWN.findall(page)]
    return words


def _plain(escaped: re.Match[bytes]) -> bytes:
    sign = escaped[1]
    return bytes([int(sign, 8)]) if len(sign) == 3 else _LETTERS.get(sign, sign)
