"""The figures of a settlement report as plain values, amounts in fen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self


@dataclass(frozen=True, slots=True)
class Amounts:
    """What was earned and what waits: `gross_fen` + `adjusted_fen` = `fee_fen` + `net_fen`; suspended taps stand apart.

    `online` payments and `online_fen`, less refunds, are part of the gross.
    """

    taps: int = 0
    online: int = 0
    online_fen: int = 0
    gross_fen: int = 0
    fee_fen: int = 0
    adjusted_fen: int = 0
    net_fen: int = 0
    suspended_taps: int = 0
    suspended_fen: int = 0

    @classmethod
    def total(cls, parts: Iterable[Amounts]) -> Self:
        """The sum of the parts."""
        columns = zip(*(part.as_tuple() for part in parts), strict=True)
        return cls(*(sum(column) for column in columns))

    def as_tuple(self) -> tuple[int, ...]:
        """The figures in the order of the report's columns."""
        return (
            self.taps,
            self.online,
            self.online_fen,
            self.gross_fen,
            self.fee_fen,
            self.adjusted_fen,
            self.net_fen,
            self.suspended_taps,
            self.suspended_fen,
        )


@dataclass(frozen=True, slots=True)
class MerchantLine:
    """One merchant's settlement; the rate is in 1/10,000 of the gross, None where the fee is no plain one."""

    code: str
    name: str
    channel: str
    fee_basis_points: int | None
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """The merchants of one channel together."""

    channel: str
    merchants: int
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class SuspendedLine:
    """Taps of one outcome (a Tap.Outcome) that need somebody's decision."""

    outcome: int
    taps: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class RefusalLine:
    """Records refused for one reason."""

    code: str
    records: int


@dataclass(frozen=True, slots=True)
class DayReport:
    """A business date's settlement. `state` is the clearing run's, or the business day's before there is a run.

    Before the run is netted there are no merchants' lines; counts of records are always those received so far.
    """

    business_date: date
    state: str
    finished_at: datetime | None
    digest: str
    merchants: list[MerchantLine]
    channels: list[ChannelLine]
    total: Amounts
    suspended: list[SuspendedLine]
    refusals: list[RefusalLine]


@dataclass(frozen=True, slots=True)
class ReserveCheck:
    """What the city holds against what it owes, in fen.

    `held_fen` bank, cash and gateway receivable; `claims_fen` suspense receivable; `owed_fen` purses, deposits,
    top-ups in transit, merchants and suspense; `income_fen` fees and card sales.
    """

    held_fen: int
    claims_fen: int
    owed_fen: int
    income_fen: int

    @property
    def difference_fen(self) -> int:
        """Zero when the books balance."""
        return self.held_fen + self.claims_fen - self.owed_fen - self.income_fen

    @property
    def shortfall_fen(self) -> int:
        """How much money is missing to pay out everything owed at once; zero when it is all there."""
        return max(0, self.owed_fen - self.held_fen)
