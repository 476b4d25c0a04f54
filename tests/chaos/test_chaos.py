"""Every part of the chaos at its small size, in a process and on a server of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.house import CLUSTER

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_nothing_is_lost_and_every_control_loses(
    record_property: Callable[[str, object], None], cluster: Path | None
) -> None:
    command = [sys.executable, "-m", "tests.chaos"]
    environment = os.environ | ({CLUSTER: str(cluster)} if cluster else {})
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = [line for line in done.stdout.splitlines() if "Control" in line]
    assert figures
    for figure in figures:
        record_property("counted", figure)
