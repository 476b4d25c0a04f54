"""T1b, the crash matrix: a process, or the database, dies at every step of a story; then the story is mended and looked at."""

from __future__ import annotations

import itertools
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accounts.selectors import invariants
from tests.chaos.forks import CUT_OFF, FAILED, forked, kill_self
from tests.chaos.gateway import connected
from tests.chaos.house import House
from tests.chaos.steps import DATABASE, Fate, abolish_transactions, await_fate
from tests.chaos.stories.story import Story


@dataclass
class Walk:
    """One story, interrupted at each of its steps: how often, and after which kills what was found wrong."""

    story: str
    kills: int = 0
    failed: int = 0
    """Deaths of its own making; none, but where the database refuses what the control does."""
    partial: dict[str, list[str]] = field(default_factory=dict)


def kill_the_process(story: Story[Any], file: Path, *, every: int = 1, atomic: bool = True) -> Walk:
    """The process that does it dies before each step; every n-th only, when told so. Not `atomic` is the control."""
    walk, steps = Walk(story.name), itertools.count(every // 2, every)
    while _interrupt(story, file, Fate(next(steps), kill_self), walk, atomic=atomic) == -signal.SIGKILL:
        pass
    return walk


def kill_the_database(story: Story[Any], file: Path, house: House, *, every: int = 1) -> Walk:
    """The database dies before each step with it, and each time once more when the step is done but not answered."""
    walk, steps = Walk(story.name), itertools.count(every // 2, every)
    fates = (Fate(at, house.kill_database, (DATABASE,), late) for at in steps for late in (False, True))
    while _interrupt(story, file, next(fates), walk, house=house) != 0:
        pass
    return walk


def _interrupt(
    story: Story[Any],
    file: Path,
    fate: Fate,
    walk: Walk,
    *,
    atomic: bool = True,
    house: House | None = None,
) -> int:
    """Let the story's process meet its fate; its exit code."""
    with connected(file) as gateway:
        subject = story.prepare(gateway)

    def live() -> None:
        if not atomic:
            abolish_transactions()
        await_fate(fate)
        with connected(file) as gateway:
            story.flow(gateway, subject)

    known = _breaches()
    code = forked(live)
    if house is not None and house.is_down:
        house.start_database()
    walk.kills += code in (-signal.SIGKILL, CUT_OFF)
    walk.failed += code == FAILED
    faults = sorted(_breaches() - known)
    faults += _mended(story, file, subject)
    if faults:
        walk.partial[f"step {fate.at}{' unanswered' if fate.unanswered else ''}"] = faults
    return code


def _mended(story: Story[Any], file: Path, subject: Any) -> list[str]:
    """What is wrong after everything that comes by itself has come, twice."""
    with connected(file) as gateway:
        try:
            story.mend(gateway, subject)
            story.mend(gateway, subject)
        except Exception as error:
            return [f"it cannot go on: {error!r}"]
        return story.faults(gateway, subject)


def _breaches() -> set[str]:
    return {f"{breach.invariant}: {breach.subject}" for breach in invariants.broken()}
