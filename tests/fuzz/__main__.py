"""Fuzz one target, or all of them on all cores, and print inputs and seconds of each; 1 when one of them failed."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from tests.fuzz.target import MAX_BYTES

PROJECT = Path(__file__).resolve().parents[2]
NAMES = (
    "tlv", "apdu", "layouts", "certificate", "batch", "txn", "trip", "framing", "bridge", "describe", "sessions", "card", "psam", "keyservice", "keyblock", "register"
)  # fmt: skip
BESIDES = ("mixed", "planted")
RUNS = 1_000_000
IN_MEMORY = Path("/dev/shm")  # noqa: S108 -- a private folder is made in it
"""Some targets write a file for every input, which would wear a disk."""
SECONDS_PER_INPUT = 10
MEMORY_MB = 1_024


@dataclass(frozen=True)
class Outcome:
    """What came of one target; `failure` is empty when it held."""

    name: str
    runs: int
    seconds: int
    failure: str

    def __str__(self) -> str:
        """One line, and what went wrong."""
        rate = self.runs / max(self.seconds, 1)
        line = f"{self.name:<12}{self.runs:>12,} inputs {self.seconds:>6,} s {rate:>9,.0f}/s"
        return f"{line}  FAILED\n{self.failure}" if self.failure else line


def main() -> int:
    """As the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=(*NAMES, *BESIDES), help="what to fuzz")
    parser.add_argument("--all", action="store_true", help="every target")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"inputs each (default {RUNS:,})")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the random choices; 0 takes another one each time"
    )
    options = parser.parse_args()
    if bool(options.target) == options.all:
        parser.error("name one target, or --all")
    names = NAMES if options.all else (options.target,)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = []
        for outcome in pool.map(partial(fuzz, runs=options.runs, seed=options.seed), names):
            print(outcome, flush=True)
            outcomes.append(outcome)
    return any(outcome.failure for outcome in outcomes)


def fuzz(name: str, *, runs: int, seed: int) -> Outcome:
    """Fuzz one target in a process of its own."""
    with tempfile.TemporaryDirectory(
        prefix=f"fuzz-{name}-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None
    ) as folder:
        corpus, found = Path(folder, "corpus"), Path(folder, "found")
        corpus.mkdir()
        found.mkdir()
        limits = [f"-timeout={SECONDS_PER_INPUT}", f"-rss_limit_mb={MEMORY_MB}", f"-max_len={MAX_BYTES}"]
        options = [
            f"-runs={runs}",
            f"-seed={seed}",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
            *limits,
        ]
        command = [sys.executable, "-m", "tests.fuzz.child", name, str(corpus), *options]
        began = perf_counter()
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, errors="replace", check=False
        )
        seconds = round(perf_counter() - began)
        inputs = [path.read_bytes() for path in sorted(found.iterdir())]
    failure = _failure(done, inputs) if done.returncode else ""
    return Outcome(name, _executed(done.stderr), seconds, failure)


def _failure(done: subprocess.CompletedProcess[str], inputs: list[bytes]) -> str:
    told = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if not line.startswith(("#", "INFO:", "stat::"))
    ]
    return "\n".join([*told[-40:], *(f"input: {data.hex()}" for data in inputs)])


def _executed(told: str) -> int:
    match = re.search(r"number_of_executed_units: (\d+)", told)
    return int(match[1]) if match else 0


if __name__ == "__main__":
    sys.exit(main())
