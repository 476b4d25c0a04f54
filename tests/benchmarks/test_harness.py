"""The benchmarks run, prove their answers and write what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.house import CLUSTER

PROJECT = Path(__file__).resolve().parents[2]
MEASURED = ["batch", "online", "clearing", "tac", "ledger-single"]
"""Those whose harness differs; the others take minutes, or are like one of these."""


def bench(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *words]
    # The harness brings its own database; the suite's must not leak into it.
    environment = {name: value for name, value in os.environ.items() if name != "CELERY_BROKER_URL"} | more
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow
def test_a_quick_run_measures_and_proves_it(tmp_path: Path, cluster: Path | None) -> None:
    begun = {CLUSTER: str(cluster)} if cluster else {}
    done = bench(*MEASURED, "--quick", "--rounds", "1", "--output", str(tmp_path / "results.json"), **begun)

    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["conditions"]["postgres"]["fsync"] == "on"
    assert found["conditions"]["postgres"]["synchronous_commit"] == "on"
    assert list(found["results"]) == MEASURED
    assert "all paths come to the same verdicts" in found["results"]["tac"]["checks"]
    for name, result in found["results"].items():
        assert name == "tac" or {"the audit is clean", "every purse is the sum of its legs"} & {
            *result["checks"]
        }
        for ratio in result["ratios"].values():
            assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]


def test_an_unknown_benchmark_is_refused() -> None:
    done = bench("warp")
    assert done.returncode == 2
    assert "no such benchmark: warp" in done.stderr
