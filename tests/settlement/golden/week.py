"""The golden week: seven dates before and in the National Day holiday of 2026, played through acceptance, fares, ledger, clearing,
payouts and the bank. What must come of it was worked out by hand (README.md beside this file).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from accounts.models import Card, Payment
from accounts.services.concessions import grant_concession
from accounts.services.payments import account_purse, pay, refund_payment
from citizencard.core.calendar import SHANGHAI, open_business_day
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.sandbox.bank import Booking
from settlement.errors import NothingToPay
from settlement.models import PayoutBatch
from settlement.services import payouts
from settlement.services.adjustments import check_adjustment, propose_adjustment
from settlement.services.clearing import clear_day
from terminals.models import Batch, Merchant, Tap
from terminals.services.acceptance import accept_batch
from terminals.services.held.proposals import approve_proposal, propose_purchase
from terminals.services.hotlist import report_loss
from terminals.services.pricing import price_due_days
from terminals.wire.batch import build_batch
from terminals.wire.record import TapRecord
from tests.accounts.passes.wallet import fill_account, make_wallet
from tests.settlement.bank.bank import (
    CHECKER,
    MAKER,
    give_account,
    name_sources,
    one_approval_is_enough,
    take,
)
from tests.settlement.rules import ADJUSTMENTS, bands, calendar, in_force, shares, signed
from tests.terminals.field import make_merchant
from tests.terminals.pricing.city import Riding

MONDAY: Final = date(2026, 9, 28)
WEEK: Final = [MONDAY + timedelta(days=passed) for passed in range(7)]
AFTER_HOLIDAY: Final = date(2026, 10, 8)
DEPOSITED_FEN: Final = 250_000
"""What the counter brings to the bank on Tuesday."""


def at(day: date, clock: str) -> datetime:
    """A moment of the week."""
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=SHANGHAI)


@dataclass
class Week:
    """The city, its cards by letter, and what is on its way to the bank."""

    riding: Riding
    cards: dict[str, Card] = field(default_factory=dict)
    monday_file: bytes = b""
    payment: Payment | None = None
    unbooked: list[PayoutBatch] = field(default_factory=list)

    @classmethod
    def begin(cls, keys: KeyStore) -> Week:
        open_business_day(MONDAY)
        riding = Riding.found(keys)
        for code, channel in (("TAXI", "taxi"), ("DRV1", "taxi"), ("DRV2", "taxi"), ("MUSEUM", "park")):
            make_merchant(code, channel)
        for name, code in (("lot", "PARK"), ("cab", "TAXI"), ("hall", "MUSEUM")):
            riding.install(name, Merchant.objects.get(code=code), "till", None)
        week = cls(riding)
        week.cards = {letter: riding.card() for letter in "ABCDEF"}
        week.cards["G"] = make_wallet()
        fill_account(week.cards["G"], 5_000)
        grant_concession(
            card=week.cards["B"], category="student", valid_from=MONDAY, proof="list", legal_basis="rule", checked_by=CHECKER
        )  # fmt: skip
        week._sign()
        return week

    def play(self) -> None:
        """All seven dates, and the first working day after the holiday."""
        for day, events in zip(
            WEEK, (self._mon, self._tue, self._wed, self._thu, self._fri, self._sat, self._sun), strict=True
        ):
            price_due_days(now=at(day, "00:40"))
            events(day)
            clear_day(day=day)
            self._night(day)
        self._bank(AFTER_HOLIDAY)

    def _sign(self) -> None:
        """Contracts, payees and calendar."""
        in_force(calendar(2026), "calendar")
        in_force(ADJUSTMENTS, "adjustments")
        terms = {"valid_from": MONDAY.isoformat()}
        signed("C-BUS", "BUS", bands=bands((0, 50)), **terms)
        signed("C-METRO", "METRO", period="month", bands=bands((0, 100), (1_000, 50)), settle_days=2, **terms)
        signed(
            "C-PARK", "PARK", measure="count", period="month", bands=bands((0, 7)), maximum_fen=20, **terms
        )
        signed("C-SHOP", "SHOP", bands=bands((0, 38)), minimum_fen=5, **terms)
        parts = shares(("TAXI", 3_334), ("DRV1", 3_333), ("DRV2", 3_333))
        signed("C-TAXI", "TAXI", bands=bands((0, 200)), split="net", shares=parts, **terms)
        for code in ("BUS", "METRO", "PARK", "SHOP", "TAXI", "DRV1", "DRV2", "MUSEUM"):
            give_account(code)
        one_approval_is_enough()
        name_sources()

    def _mon(self, day: date) -> None:
        self._tap("bus1", "A", at(day, "08:00"), 200)
        self._tap("bus1", "B", at(day, "08:10"), 100)
        self.monday_file = self._upload("bus1")
        self._ride("A", "0103", at(day, "12:00"), 300)
        self._sell("till", "C", at(day, "18:00"), 1_234)
        self._sell("lot", "A", at(day, "13:00"), 500)
        self._sell("lot", "C", at(day, "14:00"), 400)
        self._sell("cab", "C", at(day, "20:00"), 2_345)
        self._sell("hall", "A", at(day, "10:00"), 3_000)
        # A bus that reaches its depot on Wednesday.
        self._tap("bus2", "E", at(day, "09:00"), 200)
        report_loss(card=self.cards["D"], actor="portal", reason="lost", occurred_at=at(day, "20:00"))

    def _tue(self, day: date) -> None:
        self._tap("bus1", "A", at(day, "09:00"), 200)
        self._tap("bus1", "D", at(day, "09:30"), 200)
        self._upload("bus1")
        assert self._accept("bus1", self.monday_file).accepted == 2
        assert self._accept("bus1", self.monday_file.replace(b"GOLD", b"DEPOT")).duplicate == 2
        self._ride("B", "0102", at(day, "10:00"), 100)
        self._sell("lot", "A", at(day, "13:00"), 600)
        self._sell("lot", "C", at(day, "14:00"), 700)
        self.payment = pay(
            purse=account_purse(self.cards["G"]), payee=Merchant.objects.get(code="SHOP").payable_id, amount_fen=1_500,
            key="golden", channel="portal", actor="citizen", occurred_at=at(day, "19:00"),
        )  # fmt: skip

    def _wed(self, day: date) -> None:
        for card, clock in (("A", "08:00"), ("C", "08:05"), ("E", "08:10")):
            self._ride(card, "0103", at(day, clock), 300)
        assert self.payment is not None
        refund_payment(
            payment=self.payment, amount_fen=500, key="golden", actor="clerk", reason="returned", occurred_at=at(day, "11:00")
        )  # fmt: skip
        self._sell("cab", "C", at(day, "20:00"), 1_001)
        self._sell("hall", "A", at(day, "10:00"), 1_000)
        self._upload("bus2")
        signed("C-MUSEUM", "MUSEUM", bands=bands((0, 60)), valid_from="2026-10-01")

    def _thu(self, day: date) -> None:
        self._sell("hall", "B", at(day, "10:00"), 2_500)
        self._ride("A", "0103", at(day, "11:00"), 300)
        self._sell("lot", "E", at(day, "15:00"), 800)
        lost = Tap.objects.get(card_id=self.cards["D"].pk)
        approve_proposal(
            proposal=propose_purchase(tap_id=lost.pk[1], paid_fen=200, actor=MAKER, reason="ridden"),
            actor=CHECKER,
        )
        adjustment = propose_adjustment(
            merchant=Merchant.objects.get(code="BUS"), amount_fen=-150, against="6711", reason="fee", evidence="调-1", maker=MAKER
        )  # fmt: skip
        check_adjustment(adjustment=adjustment, checker=CHECKER, roles=["supervisor"])

    def _fri(self, day: date) -> None:
        self._tap("bus1", "B", at(day, "08:00"), 100)
        self._upload("bus1")
        self._sell("till", "F", at(day, "12:00"), 60_000)
        self._sell("cab", "A", at(day, "13:00"), 50)

    def _sat(self, day: date) -> None:
        self._tap("bus1", "A", at(day, "08:00"), 200)
        self.riding.counters[self.cards["A"].pk] -= 1  # a copied chip pays with the counter of the real one
        self._tap("bus1", "A", at(day, "08:30"), 300)
        self._upload("bus1")
        give_account("PARK", valid_from=day, number="6222020200445566")

    def _sun(self, day: date) -> None:
        """Nobody rides."""

    def _tap(self, terminal: str, card: str, when: datetime, fen: int) -> None:
        self.riding.tap(terminal, self.cards[card], when, fen)

    def _ride(self, card: str, leaving: str, when: datetime, fen: int) -> None:
        self.riding.metro(self.cards[card], "0101", leaving, when, fen)
        self._upload("gate")

    def _sell(self, terminal: str, card: str, when: datetime, fen: int) -> None:
        self._tap(terminal, card, when, fen)
        self._upload(terminal)

    def _upload(self, terminal: str) -> bytes:
        records: list[TapRecord] = self.riding.waiting.pop(terminal)
        body = build_batch(f"GOLD-{terminal}-{records[0].terminal_seq}", records)
        self._accept(terminal, body)
        return body

    def _accept(self, terminal: str, body: bytes) -> Batch:
        return accept_batch(terminal=self.riding.terminals[terminal].terminal, body=body)

    def _night(self, day: date) -> None:
        """Pay what is due, and take what the bank says of the day that has begun."""
        now = at(day + timedelta(days=1), "01:00")
        try:
            batch = payouts.make_payouts(through=day, actor="clearing", now=now)
        except NothingToPay:
            return
        batch = payouts.propose_payouts(batch=batch, actor=MAKER)
        batch = payouts.approve_payouts(batch=batch, actor=CHECKER)
        self.unbooked.append(payouts.send_payouts(batch=batch, actor=MAKER, now=now))
        if batch.value_date == day + timedelta(days=1):
            self._bank(batch.value_date)

    def _bank(self, day: date) -> None:
        """One statement of a working day: what is due leaves; on Tuesday cash comes in and PARK's payment comes back."""
        lines = [
            Booking(-order.amount_fen, end_to_end_id=order.end_to_end_id)
            for batch in self.unbooked
            for order in batch.orders.order_by("pk")
        ]
        if day == WEEK[1]:
            back = next(line for line in lines if line.end_to_end_id.endswith("PARK"))
            returned = Booking(-back.signed_fen, end_to_end_id=back.end_to_end_id, returned="AC04")
            lines = [Booking(DEPOSITED_FEN, reference="CASH-1"), *lines, returned]
        take(lines, day=day, number=f"GOLD-{day}")
        self.unbooked.clear()
