"""T1b: every story of money, interrupted at every step: by the death of the process, and by the death of the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.utils import timezone

from benchmarks.databases import copied_database
from citizencard.core.calendar import open_business_day
from settlement.selectors.audit import broken_invariants
from tests.chaos.figures import Pair
from tests.chaos.gateway import gateway_file
from tests.chaos.house import TEMPLATE, House
from tests.chaos.stories import batches, mandates, purses, refunds, subsidies, topups
from tests.chaos.stories.story import Story
from tests.chaos.walks import Walk, kill_the_database, kill_the_process

STORIES: Final[tuple[Story[Any], ...]] = (
    *topups.STORIES,
    *purses.STORIES,
    *refunds.STORIES,
    *mandates.STORIES,
    *subsidies.STORIES,
    *batches.STORIES,
)
EVERY: Final = {"process": 16, "database": 30}
"""At the size of an ordinary run, one of so many steps."""
CONTROLS: Final = purses.STORIES[-1:]
"""Whose control is quick; at full size all have one."""


def run(house: House, *, full: bool) -> Iterator[Pair]:
    """One pair over all stories; each story's walks are told as they end."""
    safe, unsafe = list[Walk](), list[Walk]()
    for story in STORIES:
        safe += _walks(story, house, full=full)
        if full or story in CONTROLS:
            unsafe.append(_control(story))
    yield Pair(
        name="T1b crash matrix",
        done=f"{len(STORIES)} stories interrupted {_kills(safe)} times",
        lost=_partial(safe),
        control=f"every statement a transaction of its own, {_kills(unsafe)} times",
        control_lost=_partial(unsafe),
        found=tuple(
            f"{walk.story}, {step}: {faults}" for walk in safe for step, faults in walk.partial.items()
        ),
    )


def _walks(story: Story[Any], house: House, *, full: bool) -> list[Walk]:
    with world() as file:
        began = time.monotonic()
        walks = [
            kill_the_process(story, file, every=1 if full else EVERY["process"]),
            kill_the_database(story, file, house, every=1 if full else EVERY["database"]),
        ]
        breaches = [str(breach) for breach in broken_invariants()]
        if breaches:
            walks[0].partial["audit"] = breaches
        seconds = time.monotonic() - began
    process, database = (walk.kills for walk in walks)
    line = f"  {story.name}: process killed {process} times, database {database} times"
    print(f"{line}; {_partial(walks)} partial effects ({seconds:.0f} s)", flush=True)
    return walks


def _control(story: Story[Any]) -> Walk:
    with world() as file:
        walk = kill_the_process(story, file, atomic=False)
    refused = ", then the database refuses to go on" if walk.failed else ""
    line = f"  control, {story.name}: process killed {walk.kills} times"
    print(f"{line}; {_partial([walk])} partial effects{refused}", flush=True)
    return walk


def _kills(walks: list[Walk]) -> int:
    return sum(walk.kills for walk in walks)


def _partial(walks: list[Walk]) -> int:
    return sum(len(walk.partial) for walk in walks)


@contextmanager
def world() -> Iterator[Path]:
    """A new database with an open day, and a new gateway."""
    with copied_database(TEMPLATE), gateway_file() as file:
        open_business_day(timezone.localdate())
        yield file
