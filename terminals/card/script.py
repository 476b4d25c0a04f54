"""A script of personalisation: steps that know whether they stand already, so that it can be broken off anywhere.

Every step reads its own result back. A run does what is missing, then goes through all steps once more, and only when
all of them stand is the chip activated. Run again after the chip was pulled, the script takes up where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from terminals.card.apdu import Command
from terminals.card.bench import Bench
from terminals.card.chipdata import LifeCycle
from terminals.card.errors import PersonalisationError
from terminals.card.steps import WriteKey


@dataclass(frozen=True, slots=True)
class Progress:
    """What the script is about to do: step `number` of `total`, for a clerk's screen."""

    number: int
    total: int
    step: str


Listener = Callable[[Progress], None]


def nobody_listens(progress: Progress) -> None:
    """The listener of a run that nobody watches."""


class Step(Protocol):
    """One part of the chip's content."""

    @property
    def name(self) -> str:
        """What is written, for progress and errors; no content."""

    @property
    def directory(self) -> Command:
        """The SELECT that leads to where it is written."""

    @property
    def always(self) -> bool:
        """Whether it is written on every run because it cannot be read back."""

    def stands(self, bench: Bench) -> bool:
        """Whether the chip holds it already, as far as it can be read."""

    def write(self, bench: Bench) -> None:
        """Write it. Doing so twice leaves the same."""


def run(bench: Bench, steps: Sequence[Step], listener: Listener) -> None:
    """Bring the chip to where all steps stand and activate it; an active chip is only checked.

    Raises PersonalisationError when something reads back differently, ApduError when the chip refuses.
    """
    total = len(steps) + 2
    if bench.life_cycle is LifeCycle.INITIALISATION:
        for number, step in enumerate(steps, start=1):
            listener(Progress(number, total, step.name))
            bench.enter(step.directory)
            if step.always or not step.stands(bench):
                step.write(bench)
    listener(Progress(total - 1, total, "read back"))
    _check(bench, steps)
    if bench.life_cycle is LifeCycle.INITIALISATION:
        listener(Progress(total, total, "activate"))
        bench.activate()
    if bench.life_cycle is not LifeCycle.ACTIVATED:
        raise PersonalisationError("the chip is not active")


def _check(bench: Bench, steps: Sequence[Step]) -> None:
    """Read everything back, and let the chip hold no key that was not wanted."""
    bench.refresh()
    bench.leave()
    for step in steps:
        bench.enter(step.directory)
        if not step.stands(bench):
            raise PersonalisationError(f"{step.name} reads back differently from what was written")
    wanted = [step.entry for step in steps if isinstance(step, WriteKey)]
    for entry in bench.keys:
        if entry not in wanted:
            raise PersonalisationError(
                f"the chip holds a key of type {entry.kind:02X} version {entry.version} it should not"
            )
