"""What a part of the chaos has found: as it is, and with one protection taken away."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pair:
    """A figure that must be nought, beside its control, which must not.

    `done` says what was broken on purpose and how often; `control` the protection that was taken away.
    """

    name: str
    done: str
    lost: int
    control: str
    control_lost: int
    found: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, by a test that finds loss."""
        return self.lost == 0 < self.control_lost

    def __str__(self) -> str:
        """One line, and what was found."""
        line = (
            f"{self.name}: {self.done}; lost {self.lost}. Control, {self.control}: lost {self.control_lost}."
        )
        return "\n  ".join([line if self.passed else f"FAILED {line}", *self.found])
