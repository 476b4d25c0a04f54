"""How often things are done, as the centre's parameters say: `guard_s`, `upload_s`, `heartbeat_s`, `list_s`, each optional."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from terminals.fares.fields import Fields

DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds; None where the centre says nothing, and the device goes by its own."""

    guard_s: int | None = None
    upload_s: int | None = None
    heartbeat_s: int | None = None
    list_s: int | None = None

    @classmethod
    def parse(cls, fields: Fields) -> Self:
        """From the parameters, among other things. Raises DocumentError."""
        names = [name for name in cls.__dataclass_fields__ if fields.has(name)]
        return cls(**{name: fields.whole(name, 0, DAY_S, "number of seconds") for name in names})

    def every(self, job: str, otherwise: timedelta) -> timedelta:
        """Between two turns of a job; at least a second."""
        seconds = {"heartbeat": self.heartbeat_s, "lists": self.list_s}.get(job)
        return otherwise if seconds is None else timedelta(seconds=max(seconds, 1))


NO_RHYTHM: Final = Rhythm()
