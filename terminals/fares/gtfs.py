"""GTFS feeds as planners' tools read them: lines and stops, and the tables of a feed as a ZIP file of CSV.

GTFS Schedule reference with Fares v2 (gtfs.org). `gtfs_export` writes the tables, `gtfs_import` reads them.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from terminals.fares.errors import GtfsError

Table = list[dict[str, str]]
Tables = Mapping[str, Table]

TARIFF_NETWORK: Final = "tariff-"
LINE_NETWORK: Final = "line-"
MAX_TABLE_BYTES: Final = 256 * 1024 * 1024
"""Beyond this a table is refused before it is read."""
_FIRST_MOMENT: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop; its place in degrees (WGS 84) as written, so that nothing is rounded."""

    code: str
    name: str
    latitude: str
    longitude: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line, the order of its stops, its tariff, and GTFS's route type (1 metro, 3 bus, 4 ferry)."""

    code: str
    name: str
    route_type: int
    tariff: str
    stops: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """An operator's lines and stops."""

    operator: str
    url: str
    stops: tuple[Stop, ...]
    lines: tuple[Line, ...]


def pack(tables: Tables) -> bytes:
    """The feed as a ZIP file; the same tables give the same bytes. Empty tables are left out."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in sorted(tables.items()):
            if rows:
                archive.writestr(zipfile.ZipInfo(name, _FIRST_MOMENT), _written(rows))
    return packed.getvalue()


def unpack(packed: bytes) -> dict[str, Table]:
    """The tables of a feed. Raises GtfsError."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            entries = [item for item in archive.infolist() if item.filename.endswith(".txt")]
            if large := [item.filename for item in entries if item.file_size > MAX_TABLE_BYTES]:
                raise GtfsError(large[0], "is too large")
            return {item.filename: _read(item.filename, archive.read(item)) for item in entries}
    except zipfile.BadZipFile as error:
        raise GtfsError("feed", "is no ZIP file") from error


def rows_of(tables: Tables, name: str) -> Sequence[Mapping[str, str]]:
    """A table, empty where the feed has none."""
    return tables.get(name, [])


def cell(name: str, row: Mapping[str, str], column: str) -> str:
    """A value that must be there. Raises GtfsError."""
    value = row.get(column, "")
    if not value:
        raise GtfsError(name, f"{column} is missing")
    return value


def _written(rows: Table) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _read(name: str, content: bytes) -> Table:
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), restval="", strict=True)
        rows = [{str(key).strip(): value for key, value in row.items()} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise GtfsError(name, str(error)) from error
    if any(not isinstance(value, str) for row in rows for value in row.values()):
        raise GtfsError(name, "a row has more cells than the heading")
    return rows
