"""The benchmarks' results as tables for people and as JSON for the record."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import django
from django.db import connection
from rich.console import Console
from rich.table import Table

from benchmarks.timing import Result, Spread

SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
)


def print_result(result: Result, console: Console) -> None:
    """One table: the figures, then the ratios."""
    table = Table(title=result.title)
    table.add_column("figure")
    for heading in ("median", "min", "max"):
        table.add_column(heading, justify="right")
    for name, spread in result.figures.items():
        table.add_row(name, *_cells(spread))
    table.add_section()
    for name, spread in result.ratios.items():
        table.add_row(name, *_cells(spread), style="bold")
    console.print(table)
    console.print("  checked: " + "; ".join(result.checks))
    for note in result.notes:
        console.print(f"  note: {note}")


def write_json(
    results: Sequence[Result], path: Path, *, rounds: int, conditions: Mapping[str, object]
) -> None:
    """Everything measured, with the conditions it was measured under."""
    content = {
        "rounds": rounds,
        "conditions": dict(conditions),
        "results": {result.name: result.to_dict() for result in results},
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def found_conditions() -> dict[str, object]:
    """What the figures depend on; the load is that of others, when asked before the first round."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting, unit FROM pg_settings WHERE name = ANY(%s)", [list(SETTINGS)])
        postgres = {
            name: f"{setting} {unit}".strip() if unit else setting
            for name, setting, unit in cursor.fetchall()
        }
    return {
        "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "django": django.get_version(),
        "postgres": postgres,
    }


def _cells(spread: Spread) -> list[str]:
    values = (spread.median, min(spread.values), max(spread.values))
    return [
        f"{value:,.3f} {spread.unit}" if value < 100 else f"{value:,.0f} {spread.unit}" for value in values
    ]
