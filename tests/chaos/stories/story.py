"""What a story is: something that is interrupted, what happens by itself afterwards, and how it must have ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from accounts.models import Purse
from tests.chaos.gateway import Gateway

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Story(Generic[Subject]):
    """`prepare` makes what it is about, undisturbed, `flow` is what dies, `mend` what comes next without anybody's help: the same
    request again, the next call-back, the next run of a task, the next contact of the card.

    `faults` says what is wrong in the end; nothing is good.
    """

    name: str
    prepare: Callable[[Gateway], Subject]
    flow: Callable[[Gateway, Subject], None]
    mend: Callable[[Gateway, Subject], None]
    faults: Callable[[Gateway, Subject], list[str]]


def differences(**pairs: tuple[object, object]) -> list[str]:
    """The named pairs of (found, expected) that differ."""
    return [f"{name} {found}, not {wanted}" for name, (found, wanted) in pairs.items() if found != wanted]


def purse_fen(purse: Purse) -> int:
    """What a purse holds now."""
    return Purse.objects.get(pk=purse.pk).balance_fen
