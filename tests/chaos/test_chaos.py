"""Every part of the chaos at its small size, in a process and on a server of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_nothing_is_lost_and_every_control_loses(record_property: Callable[[str, object], None]) -> None:
    command = [sys.executable, "-m", "tests.chaos"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = [line for line in done.stdout.splitlines() if "Control" in line]
    assert figures
    for figure in figures:
        record_property("counted", figure)
