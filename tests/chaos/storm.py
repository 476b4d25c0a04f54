"""Clients in processes of their own, a database that keeps dying under them, and what they were promised."""

from __future__ import annotations

import pickle
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Final

from tests.chaos.forks import begin, ended
from tests.chaos.house import House, runs

LOAD_SECONDS: Final = (0.2, 0.8)
"""How long clients may work between two kills."""
_SLOTS: Final = 64


class Gauge:
    """Acknowledgements per client, counted where all processes see them; and whether it is time to go home."""

    def __init__(self) -> None:
        self._counts = RawArray("q", _SLOTS)

    def count(self, client: int) -> None:
        """One more; by its client alone."""
        self._counts[client + 1] += 1

    @property
    def total(self) -> int:
        """Of all clients."""
        return int(sum(self._counts[1:]))

    @property
    def closing(self) -> bool:
        """Whether clients shall end what they have begun and go."""
        return bool(self._counts[0])

    def close(self) -> None:
        """Let clients go."""
        self._counts[0] = 1


@dataclass
class Promises:
    """What one client was told: keys of what was acknowledged, and what each account of its got by that.

    `unsure` counts calls that were cut off, `known` those of them that had been carried out all the same; `refused` what was
    refused.
    """

    keys: list[str] = field(default_factory=list)
    fen: dict[int, int] = field(default_factory=dict)
    unsure: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    reads: int = 0
    wrong_reads: int = 0
    torn_reads: int = 0


@dataclass
class Storm:
    """What it was: kills, the seconds that each restart took, all clients' promises."""

    restarts: list[float]
    promises: list[Promises]
    seconds: float

    def total(self, what: str) -> int:
        """A number of all clients together."""
        return sum(getattr(promises, what) for promises in self.promises)

    @property
    def refused(self) -> list[str]:
        """Every refusal of something that there was nothing wrong with."""
        return [f"refused: {refusal}" for promises in self.promises for refusal in promises.refused]

    @property
    def keys(self) -> list[str]:
        """Everything acknowledged."""
        return [key for promises in self.promises for key in promises.keys]

    def fen(self, account: int) -> int:
        """What an account must have got."""
        return sum(promises.fen.get(account, 0) for promises in self.promises)

    def __str__(self) -> str:
        """As one line has it."""
        slowest = f"restart {sum(self.restarts) / len(self.restarts):.2f} s on average, {max(self.restarts):.2f} at most"
        return (
            f"{len(self.restarts)} kills under load, {len(self.keys):,} acknowledged in {self.seconds:.0f} s, "
            f"{self.total('unsure')} cut off and asked again, of which {self.total('known')} had been done; {slowest}"
        )


Client = Callable[[int, Gauge], Promises]


def storm(house: House, clients: Sequence[Client], *, kills: int, acks: int) -> Storm:
    """Let the clients work until the database was killed so often and they were promised so much; all end what they began."""
    gauge, restarts, began = Gauge(), list[float](), time.monotonic()
    files = [house.state / f"promises-{number}" for number in range(len(clients))]
    children = [
        begin(lambda client=client, number=number, file=file: _keep(file, client(number, gauge)))  # type: ignore[misc]
        for number, (client, file) in enumerate(zip(clients, files, strict=True))
    ]
    while len(restarts) < kills or gauge.total < acks:
        time.sleep(random.uniform(*LOAD_SECONDS))
        if any(not runs(child) for child in children):
            break
        if len(restarts) < kills:
            house.kill_database()
            restarts.append(house.start_database())
    time.sleep(LOAD_SECONDS[0])
    gauge.close()
    codes = [ended(child) for child in children]
    if any(codes):
        raise SystemExit("a client failed of itself")
    promises = [pickle.loads(file.read_bytes()) for file in files]  # noqa: S301 -- our own
    return Storm(restarts, promises, time.monotonic() - began)


def _keep(file: Path, promises: Promises) -> None:
    file.write_bytes(pickle.dumps(promises))
