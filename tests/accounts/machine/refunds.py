"""Cards given back: with and without the chip, tampered chips, damage, waiting, a second person, cash, bank, gateway, returns."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts.models import Card, CardDamage, CardFlag, Refund, RefundPart
from accounts.services import cards, incidents, refunds
from accounts.services.refund_payout import (
    confirm_bank_payout,
    follow_gateway_refunds,
    pay_refund_in_cash,
    return_bank_payout,
)
from accounts.services.refund_waiting import advance_refunds
from terminals.readers.memory import MemoryTransport
from terminals.services.refunds import read_chip, request_card_refund, withdraw_card_refund
from tests.accounts.machine.base import CityMachine, crashes, made, numbers
from tests.accounts.machine.city import DAMAGE_FEN, DEPOSIT_FEN, FEE_FEN, Holder
from tests.factories import CLERK

OFFICER = "officer"


class RefundSteps(CityMachine):
    """The end of cards, and who gets the money."""

    @rule(number=numbers, crash=crashes, again=st.booleans())
    def handed_out(self, number: int, crash: int | None, again: bool) -> None:
        """The next card goes over the counter."""
        if holder := self.holder(number, Card.State.BLANK):
            self.hand_out(holder, crash, again)

    @rule(number=numbers, reads=st.booleans(), crash=crashes, again=st.booleans())
    def given_up(self, number: int, reads: bool, crash: int | None, again: bool) -> None:
        """Somebody wants their money; a chip that shows what the books cannot explain gets nothing."""
        holder = self.holder(number, Card.State.ACTIVE, Card.State.LOST)
        if holder is None:
            return
        when, reading = self.now, None
        if reads:
            reading = read_chip(
                card=holder.card, transport=MemoryTransport(holder.chip), actor=CLERK, when=when
            )
        asked = self.do(
            lambda: request_card_refund(
                card=holder.card, actor=CLERK, reason="moving", occurred_at=when, chip=reading, payee="acct_1"
            ),
            crash=crash,
            again=again,
        )
        self.made["refund"] += asked is not None
        flagged = CardFlag.objects.filter(card=holder.card, cleared_at=None).exists()
        if reads and holder.forged_fen > holder.unbooked_fen + self.under_way_fen(holder):
            assert flagged or asked is None
        if asked is not None and not holder.forged_fen:
            assert not flagged

    def under_way_fen(self, holder: Holder) -> int:
        """What a torn load may have left on the chip."""
        return sum(holder.card.topups.filter(state="loaded").values_list("amount_fen", flat=True))

    @rule(number=numbers, forged_fen=st.integers(1, 5_000))
    def tampered(self, number: int, forged_fen: int) -> None:
        """Somebody writes money onto a chip."""
        if number < 5 and (holder := self.holder(number)):
            holder.chip.commit(balance_fen=holder.chip.state.balance_fen + forged_fen)
            holder.forged_fen += forged_fen
            self.made["forgery"] += 1

    @made("forgery")
    @rule(number=numbers)
    def looked_into(self, number: int) -> None:
        """The investigators keep the forged money and clear the card."""
        flag = CardFlag.objects.filter(cleared_at=None).order_by("pk").first()
        if flag is None:
            return
        holder = next(holder for holder in self.holders if holder.card.pk == flag.card_id)
        back_fen = min(holder.forged_fen, holder.chip.state.balance_fen)
        holder.chip.commit(balance_fen=holder.chip.state.balance_fen - back_fen)
        holder.forged_fen -= back_fen
        self.do(lambda: incidents.clear_flag(flag=flag, actor=OFFICER, reason="looked into"))

    @rule(number=numbers, crash=crashes, again=st.booleans())
    def damaged(self, number: int, crash: int | None, again: bool) -> None:
        if number < 8 and (holder := self.holder(number)):
            when = self.now
            self.do(
                lambda: incidents.record_damage(
                    card=holder.card, finding="bent", actor=CLERK, occurred_at=when
                ),
                crash=crash,
                again=again,
            )

    @made("refund")
    @rule(days=st.sampled_from([0, 0, 2]), crash=crashes)
    def refunds_go_on(self, days: int, crash: int | None) -> None:
        now = self.now + timedelta(days=days)
        self.do(lambda: advance_refunds(now=now), crash=crash)

    @made("refund")
    @rule(number=numbers, interest_fen=st.sampled_from([0, 0, 37]), crash=crashes, again=st.booleans())
    def approved(self, number: int, interest_fen: int, crash: int | None, again: bool) -> None:
        due = list(Refund.objects.filter(state=Refund.State.DUE).order_by("pk"))
        if not due:
            return
        asked, when = due[number % len(due)], self.now
        holder = next(holder for holder in self.holders if holder.card.pk == asked.card_id)
        self.do(
            lambda: refunds.approve_refund(
                refund=asked, actor=OFFICER, occurred_at=when, interest_fen=interest_fen,
                interest_reason="our fault",
            ),
            crash=crash,
            again=again,
        )  # fmt: skip
        now = Refund.objects.get(pk=asked.pk)
        if now.state in (Refund.State.APPROVED, Refund.State.PAID):
            self.book_refund(holder, now, interest_fen)
            self.made["approval"] += 1

    def book_refund(self, holder: Holder, refund: Refund, interest_fen: int) -> None:
        """Emptied purses, deposit, price and interest are owed, less damage and fee: what the formula says, by the book."""
        purses = [pk for pk in (holder.purse_id, holder.account_id) if pk is not None]
        balance_fen = sum(self.book.purse_fen(pk) for pk in purses)
        damage_fen = self.damage_fen(holder)
        price_fen, fee_fen = refund.price_fen or 0, refund.fee_fen or 0
        assert price_fen in (0, holder.card.product.price_fen)
        assert 0 <= fee_fen <= FEE_FEN
        assert refund.payable_fen == (
            balance_fen + price_fen + DEPOSIT_FEN - damage_fen - fee_fen + interest_fen
        )
        for pk in purses:
            self.book.move(("purse", pk), "2032", self.book.purse_fen(pk))
        self.book.move("6002", "2032", price_fen)
        self.book.move("2021", "2032", DEPOSIT_FEN - damage_fen)
        self.book.move("2021", "6003", damage_fen)
        self.book.move("6711", "2032", interest_fen)
        self.book.move("2032", "6003", fee_fen)
        holder.closed = True

    def damage_fen(self, holder: Holder) -> int:
        return DAMAGE_FEN if CardDamage.objects.filter(card=holder.card).exists() else 0

    @made("refund")
    @rule(number=numbers, crash=crashes, again=st.booleans())
    def withdrawn(self, number: int, crash: int | None, again: bool) -> None:
        asked = list(Refund.objects.filter(state__in=Refund.BLOCKING).order_by("pk"))
        if asked and number < 8:
            refund, when = asked[number % len(asked)], self.now
            self.do(
                lambda: withdraw_card_refund(refund=refund, actor=CLERK, reason="keeps it", occurred_at=when),
                crash=crash,
                again=again,
            )

    @made("approval")
    @rule(crash=crashes, again=st.booleans())
    def part_paid(self, crash: int | None, again: bool) -> None:
        """In cash at the counter, or by the bank."""
        ours = RefundPart.objects.exclude(method="gateway").select_related("refund")
        part = ours.filter(state="waiting").order_by("pk").first()
        if part is None:
            return
        when = self.now
        if part.method == "cash":
            self.do(
                lambda: pay_refund_in_cash(refund=part.refund, actor=CLERK, occurred_at=when),
                crash=crash,
                again=again,
            )
            self.book.move("2032", "1011", part.amount_fen)
        else:
            self.do(
                lambda: confirm_bank_payout(
                    part=part, actor="bank", reference=f"B{part.pk}", occurred_at=when
                ),
                crash=crash,
                again=again,
            )
            self.book.move("2032", "1001", part.amount_fen)

    @made("approval")
    @rule(crash=crashes, again=st.booleans())
    def bank_returns(self, crash: int | None, again: bool) -> None:
        part = RefundPart.objects.filter(method="bank", state="paid").order_by("pk").first()
        if part is None:
            return
        when = self.now
        self.do(
            lambda: return_bank_payout(part=part, actor="bank", reason="account closed", occurred_at=when),
            crash=crash,
            again=again,
        )
        self.book.move("1001", "2032", part.amount_fen)

    @made("approval")
    @rule(crash=crashes)
    def parts_followed(self, crash: int | None) -> None:
        self.do(lambda: follow_gateway_refunds(now=self.now), crash=crash)

    @rule(number=numbers, crash=crashes, again=st.booleans())
    def closed_at_the_counter(self, number: int, crash: int | None, again: bool) -> None:
        """A card that holds nothing is handed in for its deposit."""
        holder = self.holder(number, Card.State.ISSUED, Card.State.ACTIVE, Card.State.LOST)
        if holder is None:
            return
        when = self.now
        self.do(
            lambda: cards.close_card(card=holder.card, actor=CLERK, reason="handed in", occurred_at=when),
            crash=crash,
            again=again,
        )
        if Card.objects.filter(pk=holder.card.pk, state=Card.State.CLOSED).exists():
            damage_fen = self.damage_fen(holder)
            self.book.move("2021", "1011", DEPOSIT_FEN - damage_fen)
            self.book.move("2021", "6003", damage_fen)
            holder.closed = True
