"""What a fuzz target is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

MAX_BYTES = 4096


class Violated(Exception):
    """A target came through an input without an error, but what it left behind breaks a rule."""


@dataclass(frozen=True)
class Target:
    """`run` takes any bytes: it may raise `refusals` and nothing else, must not hang, nor grow without bound."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    """Good inputs to start from."""
    refusals: tuple[type[Exception], ...] = ()

    def __call__(self, data: bytes) -> None:
        """One input."""
        try:
            self.run(data)
        except self.refusals:
            return


def hold(rule: str, holds: bool) -> None:
    """Violated unless the rule holds."""
    if not holds:
        raise Violated(rule)
