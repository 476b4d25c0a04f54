"""Other ledgers beside ours: each a process of its own in a database of its own on the same server.

django-hordak lives in an environment of its own, made once from a pinned list with hashes; where that cannot be had, the
benchmark says so and goes on without it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.databases import address, new_database
from benchmarks.timing import Result

_FOLDER: Final = Path(__file__).resolve().parents[1] / "peers"
_ENVIRONMENT: Final = Path(__file__).resolve().parents[2] / "var" / "benchmark-peers"
ORM, HORDAK = "Django ORM, two models", "django-hordak 2.0.0"


@dataclass(frozen=True)
class Peer:
    """A ledger that answers with its rate in postings per second."""

    name: str
    process: subprocess.Popen[str]

    def single(self, times: int) -> float:
        """Each posting its own transaction."""
        return self._ask(f"post {times}")

    def bulk(self, size: int, times: int) -> float:
        """`times` commits of `size` postings each."""
        return self._ask(f"bulk {size} {times}")

    def holds(self) -> bool:
        """Whether its debits are its credits and every transaction has its two legs."""
        return self._ask("holds") == 1

    def _ask(self, command: str) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def running_peers(*, install: bool) -> Iterator[list[Peer]]:
    """All peers that can be had, ready to post; without `install` only those that are there."""
    with ExitStack() as stack:
        found = [stack.enter_context(_running(ORM, "pair", sys.executable))]
        if python := _hordak_python(install=install):
            found.append(stack.enter_context(_running(HORDAK, "hordak", python)))
        yield found


def check_peers(result: Result, peers: Sequence[Peer]) -> None:
    """Prove their books as well, and say who is missing."""
    for peer in peers:
        result.check(f"the books of {peer.name} hold", peer.holds())
    if HORDAK not in {peer.name for peer in peers}:
        result.notes.append(f"{HORDAK} is left out: its packages could not be installed here")


@contextmanager
def _running(name: str, peer: str, python: str) -> Iterator[Peer]:
    with new_database(peer) as database:
        where = {part.upper(): value or "" for part, value in address().items()} | {"NAME": database}
        environment = {**os.environ, "PEER": peer, "PEER_DATABASE": json.dumps(where)}
        process = subprocess.Popen(
            [python, "serve.py"],
            cwd=_FOLDER,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise SystemExit(f"{name} does not start")
            yield Peer(name, process)
        finally:
            process.kill()
            process.wait()


def _hordak_python(*, install: bool) -> str | None:
    """Its interpreter; a broken or missing environment is made anew if it may be installed."""
    python = _ENVIRONMENT / "bin" / "python"
    if _works([str(python), "-c", "import hordak, psycopg"]):
        return str(python)
    if not install:
        return None
    venv.create(_ENVIRONMENT, clear=True, with_pip=True)
    packages = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    if _works([str(python), *packages, "-r", str(_FOLDER / "requirements.txt")]):
        return str(python)
    return None


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
