"""The account purse: payments, holds, refunds of payments, passes and rides on them, all submitted twice and crashed."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts.models import Hold, LedgerAccount, Pass, PassUse, Payment, Purse
from accounts.services import holds, pass_refunds, passes
from accounts.services.payments import pay, refund_payment
from accounts.services.rides import ride_online
from tests.accounts.machine.base import amounts, crashes, made, numbers
from tests.accounts.machine.city import Holder
from tests.accounts.machine.nights import NightSteps
from tests.factories import CLERK

PRICES = {"ten": 1_003, "days": 2_001}
merchants = st.sampled_from(["BUS", "SHOP"])
parts = st.integers(1, 120)


class PurseSteps(NightSteps):
    """Everything online."""

    def wallet(self, number: int) -> tuple[Holder, Purse] | None:
        """A card with an account purse."""
        holder = self.holder(number)
        if holder is None or holder.account_id is None:
            return None
        return holder, Purse.objects.get(pk=holder.account_id)

    def payee(self, merchant: str) -> LedgerAccount:
        return LedgerAccount.objects.get(code=f"2202.{merchant}")

    def book_payment(self, payment: Payment | None, merchant: str) -> None:
        if payment is not None:
            self.made["payment"] += 1
            self.book.move(("purse", payment.purse_id), "2202", payment.amount_fen)
            self.earned[merchant] += payment.amount_fen

    @rule(number=numbers, merchant=merchants, amount_fen=amounts, crash=crashes, again=st.booleans())
    def pays_online(
        self, number: int, merchant: str, amount_fen: int, crash: int | None, again: bool
    ) -> None:
        if (found := self.wallet(number)) is None:
            return
        key, when, payee = self.key(), self.now, self.payee(merchant)
        payment = self.do(
            lambda: pay(
                purse=found[1], payee=payee.pk, amount_fen=amount_fen, key=key, channel="qr", actor="shop",
                occurred_at=when,
            ),
            crash=crash,
            again=again,
        )  # fmt: skip
        assert payment is None or payment.amount_fen == amount_fen
        self.book_payment(payment, merchant)

    @made("payment")
    @rule(number=numbers, part=parts, crash=crashes, again=st.booleans())
    def payment_given_back(self, number: int, part: int, crash: int | None, again: bool) -> None:
        """Some of it, all of it, or more."""
        payments = list(Payment.objects.select_related("payee", "purse__card").order_by("pk"))
        if not payments:
            return
        payment = payments[number % len(payments)]
        amount_fen, key, when = max(payment.amount_fen * part // 100, 1), self.key(), self.now
        refund = self.do(
            lambda: refund_payment(
                payment=payment, amount_fen=amount_fen, key=key, actor="shop", reason="test", occurred_at=when
            ),
            crash=crash,
            again=again,
        )
        if refund is not None:
            self.book.move("2202", ("purse", payment.purse_id), amount_fen)
            self.earned[payment.payee.code.partition(".")[2]] -= amount_fen

    @rule(
        number=numbers,
        merchant=merchants,
        amount_fen=amounts,
        minutes=st.sampled_from([5, 600, 3_000]),
        crash=crashes,
    )
    def reserved(self, number: int, merchant: str, amount_fen: int, minutes: int, crash: int | None) -> None:
        if (found := self.wallet(number)) is None:
            return
        key, when, payee = self.key(), self.now, self.payee(merchant)
        hold = self.do(
            lambda: holds.reserve(
                purse=found[1], payee=payee.pk, amount_fen=amount_fen, key=key, channel="bike",
                expires_at=when + timedelta(minutes=minutes), reason="bike", actor="bike", occurred_at=when,
            ),
            crash=crash,
            again=True,
        )  # fmt: skip
        self.made["hold"] += hold is not None

    @made("hold")
    @rule(number=numbers, part=parts, final=st.booleans(), crash=crashes, again=st.booleans())
    def captured(self, number: int, part: int, final: bool, crash: int | None, again: bool) -> None:
        found = list(Hold.objects.select_related("payee", "purse").order_by("-pk")[:5])
        if not found:
            return
        hold = found[number % len(found)]
        amount_fen, key, when = max(hold.amount_fen * part // 100, 1), self.key(), self.now
        payment = self.do(
            lambda: holds.capture(
                hold=hold, amount_fen=amount_fen, key=key, actor="bike", occurred_at=when, final=final
            ),
            crash=crash,
            again=again,
        )
        self.book_payment(payment, hold.payee.code.partition(".")[2])

    @made("hold")
    @rule(number=numbers, crash=crashes, again=st.booleans())
    def released(self, number: int, crash: int | None, again: bool) -> None:
        found = list(Hold.objects.order_by("-pk")[:5])
        if found:
            hold, when = found[number % len(found)], self.now
            self.do(lambda: holds.release(hold=hold, occurred_at=when), crash=crash, again=again)

    @made("hold")
    @rule(crash=crashes)
    def holds_expire(self, crash: int | None) -> None:
        self.do(lambda: holds.expire_holds(now=self.now), crash=crash)

    @rule(
        number=numbers,
        code=st.sampled_from(["ten", "days"]),
        paid_by=st.sampled_from(["cash", "purse"]),
        days=st.integers(0, 3),
        crash=crashes,
        again=st.booleans(),
    )
    def pass_sold(
        self, number: int, code: str, paid_by: str, days: int, crash: int | None, again: bool
    ) -> None:
        if (holder := self.holder(number)) is None:
            return
        key, when, starts_on = self.key(), self.now, self.open_date() + timedelta(days=days)
        sold = self.do(
            lambda: passes.sell_pass(
                card=holder.card, code=code, starts_on=starts_on, paid_by=paid_by, number=key, actor=CLERK,
                occurred_at=when,
            ),
            crash=crash,
            again=again,
        )  # fmt: skip
        if sold is not None:
            self.made["pass"] += 1
            assert holder.account_id is not None or paid_by == "cash"
            paid_from = "1011" if paid_by == "cash" else ("purse", holder.account_id or 0)
            self.book.move(paid_from, "2051", PRICES[code])

    @rule(number=numbers, fare_fen=st.integers(1, 900), crash=crashes, again=st.booleans())
    def rides_online(self, number: int, fare_fen: int, crash: int | None, again: bool) -> None:
        """On a pass if there is one, else from the purse."""
        if (holder := self.holder(number)) is None:
            return
        key, when, payee = self.key(), self.now, self.payee("BUS")
        paid = self.do(
            lambda: ride_online(
                card=holder.card, channel="bus", payee=payee, fare_fen=fare_fen, key=key, actor="gate",
                occurred_at=when,
            ),
            crash=crash,
            again=again,
        )  # fmt: skip
        if isinstance(paid, PassUse):
            assert paid.value_fen in (0, 100, 101)
            self.book.move("2051", "2202", paid.value_fen)
            self.earned["BUS"] += paid.value_fen
        else:
            assert paid is None or paid.amount_fen == fare_fen
            self.book_payment(paid, "BUS")

    @made("pass")
    @rule(number=numbers, crash=crashes, again=st.booleans())
    def pass_given_back(self, number: int, crash: int | None, again: bool) -> None:
        running = list(Pass.objects.filter(state=Pass.State.ACTIVE).select_related("product").order_by("pk"))
        if not running:
            return
        card_pass, when = running[number % len(running)], self.now
        quote = self.do(lambda: pass_refunds.quote_pass_refund(card_pass, on=self.open_date()))
        if quote is None:
            return
        assert quote.lapsed_fen + quote.fee_fen + quote.payable_fen == card_pass.unused_fen
        if self.do(
            lambda: pass_refunds.refund_pass(
                card_pass=card_pass, quoted_fen=quote.payable_fen, actor=CLERK, reason="test",
                occurred_at=when,
            ),
            crash=crash,
            again=again,
        ):  # fmt: skip
            self.book.move("2051", "1011", quote.payable_fen)
            self.book.move("2051", "6003", quote.fee_fen)
            self.book_lapses()
