"""A clearing run as progress bars, one for each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from settlement.selectors.runs import Progress


@contextmanager
def clearing_progress(console: Console) -> Iterator[Callable[[Sequence[Progress]], None]]:
    """Bars to be shown what `settlement.selectors.runs.progress` says, again and again."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[seconds]:.1f} s"),
    )
    with Bars(*columns, console=console) as bars:
        tasks = {}

        def show(steps: Sequence[Progress]) -> None:
            for each in steps:
                if each.step not in tasks:
                    tasks[each.step] = bars.add_task(str(each.step.label), seconds=0.0)
                bars.update(tasks[each.step], completed=each.done, total=each.parts, seconds=each.seconds)

        yield show
