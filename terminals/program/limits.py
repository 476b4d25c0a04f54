"""What a terminal may take from a card without asking the centre. Amounts in fen.

No public standard names authoritative figures, so all of them are parameters of the centre; a limit that is not given does
not bind. JSON: `{"single_fen", "offline_count", "offline_sum_fen", "overdraft_fen"}`, each optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from terminals.card.errors import CardError
from terminals.program.result import Refused


class LimitsError(CardError):
    """The centre's limits are not readable; names the field."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`single_fen` for one purchase; `offline_count` and `offline_sum_fen` for a card on one day at this terminal.

    `overdraft_fen` is how far below zero the holder's own money may go here, within what the chip itself allows.
    """

    single_fen: int | None = None
    offline_count: int | None = None
    offline_sum_fen: int | None = None
    overdraft_fen: int | None = None

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """From the centre's parameters; LimitsError names what is wrong."""
        for name, value in content.items():
            if name not in cls.__dataclass_fields__:
                raise LimitsError(f"{name} is no limit")
            if type(value) is not int or value < 0:
                raise LimitsError(f"{name} is a whole number from 0")
        return cls(**content)

    def check(self, amount_fen: int, count: int, sum_fen: int) -> None:
        """Before the card is touched; `count` and `sum_fen` are what it paid today without the centre's word. Raises Refused.

        A pass that costs nothing, such as an entry, is never refused.
        """
        if not amount_fen:
            return
        bounds = (
            ("over_single", amount_fen, self.single_fen),
            ("over_daily_count", count + 1, self.offline_count),
            ("over_daily_sum", sum_fen + amount_fen, self.offline_sum_fen),
        )
        for code, wanted, limit in bounds:
            if limit is not None and wanted > limit:
                raise Refused(code, fare_fen=amount_fen)

    def check_overdraft(self, amount_fen: int, funds_fen: int) -> None:
        """`funds_fen` is the holder's own money before the purchase. Raises Refused."""
        if self.overdraft_fen is not None and amount_fen and funds_fen - amount_fen < -self.overdraft_fen:
            raise Refused("overdraft", fare_fen=amount_fen, balance_fen=funds_fen)


NO_LIMITS: Final = Limits()
