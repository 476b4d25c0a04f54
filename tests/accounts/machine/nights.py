"""Time: it jumps, days are cut off, cleared and sealed, passes lapse, jobs run; all of it again after a crash."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts.models import PassLapse
from accounts.services.pass_lapses import expire_passes
from accounts.services.refund_waiting import advance_refunds
from settlement.services.clearing import clear_due_days
from tests.accounts.machine.base import CityMachine, crashes

BASIS_POINTS = {"BUS": 50, "SHOP": 137}


class NightSteps(CityMachine):
    """The clock, and what runs by it."""

    def begin_areas(self) -> None:
        super().begin_areas()
        self.lapsed: set[int] = set()

    @rule(minutes=st.sampled_from([1, 30, 400, 1_500]))
    def time_passes(self, minutes: int) -> None:
        self.tick(timedelta(minutes=minutes))

    @rule(days=st.sampled_from([1, 1, 2, 3]), crash=crashes, again=st.booleans())
    def night(self, days: int, crash: int | None, again: bool) -> None:
        """The date changes; every date before it is cleared."""
        self.tick(timedelta(days=days))
        today = self.open_date()
        runs = self.do(lambda: clear_due_days(today=today), crash=crash, again=again)
        assert runs is not None
        if self.day < today:
            self.book_clearing()
            self.day = today
        self.do(lambda: expire_passes(today), crash=crash, again=again)
        self.book_lapses()
        self.do(lambda: advance_refunds(now=self.now), crash=crash)

    def book_clearing(self) -> None:
        """Everything earned since the last night was earned on one business date: the one that was open."""
        for merchant, earned_fen in self.earned.items():
            fee_fen = (max(earned_fen, 0) * BASIS_POINTS[merchant] + 5_000) // 10_000
            self.book.move("2202", "6001", fee_fen)
            self.book.move("2202", "2203", earned_fen - fee_fen)
        self.earned = Counter()

    def book_lapses(self) -> None:
        """What time took goes to the operator; rides never taken are ours."""
        new = PassLapse.objects.exclude(pk__in=self.lapsed).select_related("card_pass__product")
        for lapse in new:
            self.lapsed.add(lapse.pk)
            by_time = lapse.card_pass.product.rides is None
            self.book.move("2051", "2204" if by_time else "6003", lapse.value_fen)
