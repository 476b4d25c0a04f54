"""A simulated run for people: how far it is, and what came out."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from citizencard.management.tables import console
from citizencard.simulator.run import Outcome, Watcher
from citizencard.simulator.tally import SIGNS
from citizencard.simulator.verdicts import VERDICTS
from citizencard.simulator.wishes import Wish

SHOWN_MAX: Final = 20
"""Differences printed for people; `--json` has more."""


class Bar:
    """A progress bar over the records to be uploaded."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def stage(self, words: str) -> None:
        """As `Watcher.stage`."""
        self._progress.update(self._task, description=words)

    def advance(self, records: int) -> None:
        """As `Watcher.advance`."""
        self._progress.advance(self._task, records)


class Silent:
    """Nobody waits, or what is printed is for a program."""

    def stage(self, words: str) -> None:
        """As `Watcher.stage`."""

    def advance(self, records: int) -> None:
        """As `Watcher.advance`."""


@contextmanager
def watched(wish: Wish, *, shown: bool) -> Iterator[Watcher]:
    """A bar on the error stream where it is a terminal, so that the result can be piped."""
    if not shown or not sys.stderr.isatty():
        yield Silent()
        return
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, progress.add_task("", total=wish.taps))


def print_outcome(stream: Any, outcome: Outcome) -> None:
    """Verdicts, faults, times, digests, and every difference up to SHOWN_MAX."""
    window = console(stream)
    window.print(_verdicts(outcome))
    if outcome.faults:
        window.print(_faults(outcome))
    check = outcome.check
    for difference in check.differences[:SHOWN_MAX]:
        stream.write(f"{difference.what}: expected {difference.expected}, found {difference.found}\n")
    gaps = len(check.card_gaps), len(check.sequence_gaps)
    seconds = sum(outcome.seconds.values())
    parts = ", ".join(f"{stage} {spent:.1f}" for stage, spent in outcome.seconds.items())
    rate = len(outcome.plan.traffic.lines) / max(outcome.seconds["upload"], 1e-9)
    for line in (
        f"{gaps[0]:,} counters of cards and {gaps[1]:,} sequences of terminals are missing",
        f"{seconds:.1f} s ({parts}); {rate:,.0f} records uploaded a second",
        f"plan   {outcome.plan.digest()}",
        f"ledger {check.digest()}",
        f"{check.compared:,} comparisons, {check.differing:,} differences, {outcome.breaches} broken invariants",
    ):
        stream.write(f"{line}\n")


def as_json(outcome: Outcome) -> str:
    """All of it for a program."""
    check, plan = outcome.check, outcome.plan
    content = {
        "clean": outcome.clean,
        "citizens": plan.wish.citizens,
        "days": plan.wish.days,
        "seed": plan.wish.seed,
        "first": plan.first.isoformat(),
        "taps": len(plan.taps),
        "topups": len(plan.top_ups),
        "terminals": len(plan.layout.devices),
        "uploads": len(plan.traffic.uploads),
        "records": len(plan.traffic.lines),
        "verdicts": _counts(check.verdict),
        "expected_verdicts": _counts(plan.verdict),
        "faults": [
            {"fault": row.fault.word, "sign": SIGNS[row.fault], "expected": row.expected, "found": row.found}
            for row in outcome.faults
        ],
        "card_gaps": len(check.card_gaps),
        "sequence_gaps": len(check.sequence_gaps),
        "comparisons": check.compared,
        "differing": check.differing,
        "differences": [asdict(difference) for difference in check.differences],
        "broken_invariants": outcome.breaches,
        "seconds": {stage: round(spent, 3) for stage, spent in outcome.seconds.items()},
        "plan_digest": plan.digest(),
        "ledger_digest": check.digest(),
    }
    return json.dumps(content, ensure_ascii=False)


def _counts(verdict: Any) -> dict[str, int]:
    found = Counter(verdict.tolist())
    return {word: found[number] for number, word in enumerate(VERDICTS)}


def _verdicts(outcome: Outcome) -> Table:
    expected, found = _counts(outcome.plan.verdict), _counts(outcome.check.verdict)
    table = Table(title=_("Simulation"))
    for heading in (_("outcome"), _("expected"), _("found"), _("difference")):
        table.add_column(heading, justify="left" if heading == _("outcome") else "right")
    for word in VERDICTS:
        table.add_row(word, *_figures(expected[word], found[word]))
    return table


def _faults(outcome: Outcome) -> Table:
    table = Table(title=_("Injected faults"))
    table.add_column(_("fault"))
    table.add_column(_("sign"))
    for heading in (_("expected"), _("found"), _("difference")):
        table.add_column(heading, justify="right")
    for row in outcome.faults:
        table.add_row(row.fault.word, SIGNS[row.fault], *_figures(row.expected, row.found))
    return table


def _figures(expected: int, found: int) -> tuple[str, str, str]:
    return f"{expected:,}", f"{found:,}", f"{found - expected:,}"
