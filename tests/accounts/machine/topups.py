"""Top-ups by every channel: ordered, paid, called back, polled, loaded onto chips that are pulled out, reversed, repaired."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts.gateway.port import PaymentStatus, RefundStatus
from accounts.models import Agent, Card, TopUpOrder
from accounts.services import remittances, topup
from accounts.services.gateway_events import handle_gateway_event
from accounts.services.gateway_refunds import ASK_AGAIN_AFTER, send_gateway_refunds
from accounts.services.matching import match_topups
from accounts.services.refund_payout import follow_gateway_refunds
from accounts.services.repair import EXPIRES_AFTER, POLL_AFTER, cancel_topup, repair_topups
from terminals.services.counter import load_chip, write_back
from tests.accounts.machine.base import CityMachine, amounts, crashes, losses, made, numbers
from tests.accounts.machine.book import Order
from tests.accounts.machine.city import AGENT, AGENT_LIMIT_FEN, KIOSK, Holder
from tests.accounts.topup.test_interleavings import LOAD_APDUS, Tear, TornAt
from tests.factories import CLERK
from tests.terminals.chips import COUNTER_NO, PIN

State = TopUpOrder.State
PARTIES = {"agent": AGENT, "kiosk": KIOSK}
wishes = st.tuples(
    st.sampled_from(["cash", "cash", "agent", "kiosk", "gateway", "gateway"]),
    st.sampled_from(["chip", "chip", "account"]),
    amounts,
    st.booleans(),
)
"""Channel, purse, amount, and whether it is paid at once."""
tears = st.one_of(st.none(), st.tuples(st.integers(0, LOAD_APDUS), st.booleans()))


class TopUpSteps(CityMachine):
    """Money in, by counter, agent, kiosk and gateway."""

    def begin_money(self) -> None:
        super().begin_money()
        for holder in self.holders[::3]:
            for kind in holder.card.purses.values_list("kind", flat=True):
                self.order_and_pay(holder, "cash", kind, 9_000, True, None, False)
            self.at_the_reader(holder)

    def order(self, number: int, **which: Any) -> TopUpOrder | None:
        """One of the orders there are."""
        orders = list(TopUpOrder.objects.filter(**which).select_related("card", "purse").order_by("pk"))
        return orders[number % len(orders)] if orders else None

    @rule(number=numbers, wanted=st.lists(wishes, min_size=1, max_size=3), crash=crashes, again=st.booleans())
    def ordered(
        self, number: int, wanted: list[tuple[str, str, int, bool]], crash: int | None, again: bool
    ) -> None:
        """Some top-ups of a card, paid at once or not."""
        for channel, kind, amount_fen, pays in wanted:
            holder = self.holder(number)
            if holder is not None and (kind == "chip" or holder.account_id is not None):
                self.order_and_pay(holder, channel, kind, amount_fen, pays, crash, again)

    def order_and_pay(
        self,
        holder: Holder,
        channel: str,
        kind: str,
        amount_fen: int,
        pays: bool,
        crash: int | None,
        again: bool,
    ) -> None:
        key, when = self.key(), self.now

        def ask() -> TopUpOrder:
            return topup.order_topup(
                card=holder.card, amount_fen=amount_fen, channel=channel, actor=CLERK, occurred_at=when,
                purse_kind=kind, party=PARTIES.get(channel, ""), request_key=key,
            )  # fmt: skip

        order = self.do(ask, crash=crash, again=again)
        if order is not None and pays and channel == "gateway":
            self.do(lambda: topup.start_gateway_payment(order=order))
            self.gateway.pay(order.number)
        elif order is not None and pays:
            self.pay(order, crash, again)

    def pay(self, order: TopUpOrder, crash: int | None, again: bool) -> None:
        """The money is handed over at counter, agent or kiosk."""
        receive = topup.receive_cash if order.channel == "cash" else topup.receive_funds
        self.do(lambda: receive(order=order, actor=CLERK), crash=crash, again=again)

    @made("unpaid", "reversed")
    @rule(number=numbers, crash=crashes, again=st.booleans())
    def paid_later(self, number: int, crash: int | None, again: bool) -> None:
        if order := self.order(
            number, channel__in=["cash", "agent", "kiosk"], state__in=[State.INIT, State.REVERSED]
        ):
            self.pay(order, crash, again)

    @made("gateway init")
    @rule(number=numbers, lost=losses, crash=crashes, pays=st.booleans())
    def gateway_payment(self, number: int, lost: list[str], crash: int | None, pays: bool) -> None:
        if (order := self.order(number, channel="gateway", state=State.INIT)) is None:
            return
        self.gateway.lost = lost
        self.do(lambda: topup.start_gateway_payment(order=order), crash=crash)
        if pays:
            self.gateway.pay(order.number)

    @made("gateway init")
    @rule(number=numbers)
    def payer_pays(self, number: int) -> None:
        if order := self.order(number, channel="gateway"):
            self.gateway.pay(order.number)

    @made("payment succeeded")
    @rule(number=numbers, crash=crashes, again=st.booleans())
    def payment_called_back(self, number: int, crash: int | None, again: bool) -> None:
        """Also long after, again, and before the answer that made the payment came in."""
        paid = [p for p in self.gateway.payments.values() if p.status is PaymentStatus.SUCCEEDED]
        if paid:
            body = self.gateway.tell(paid[number % len(paid)])
            self.do(lambda: handle_gateway_event(body=body, signature=""), crash=crash, again=again)

    @made("call-back")
    @rule(number=numbers, crash=crashes)
    def an_old_call_back_comes_again(self, number: int, crash: int | None) -> None:
        if self.gateway.events:
            body = str(number % len(self.gateway.events)).encode()
            self.do(lambda: handle_gateway_event(body=body, signature=""), crash=crash)

    @made("gateway init", "payment succeeded")
    @rule(number=numbers, changed=st.integers(1, 500))
    def a_call_back_lies(self, number: int, changed: int) -> None:
        """Signed, but over another amount: evidence, and nothing moves."""
        payments = list(self.gateway.payments.values())
        if payments:
            payment = payments[number % len(payments)]
            lie = type(payment)(
                payment.id, PaymentStatus.SUCCEEDED, payment.amount_fen + changed, payment.currency,
                payment.order_number, payment.created_at,
            )  # fmt: skip
            body = self.gateway.tell(lie)
            assert self.do(lambda: handle_gateway_event(body=body, signature="")) is None

    @made("refund at gateway")
    @rule(number=numbers, crash=crashes)
    def refund_called_back(self, number: int, crash: int | None) -> None:
        if known := list(self.gateway.refunds.values()):
            body = self.gateway.tell(known[number % len(known)])
            self.do(lambda: handle_gateway_event(body=body, signature=""), crash=crash)

    @made("init", "paid", "loaded")
    @rule(number=numbers, crash=crashes, again=st.booleans())
    def given_back(self, number: int, crash: int | None, again: bool) -> None:
        if order := self.order(number, state__in=[State.INIT, State.PAID, State.LOADED]):
            self.do(
                lambda: topup.reverse_topup(order=order, actor=CLERK, reason="test"), crash=crash, again=again
            )

    @made("init")
    @rule(number=numbers, lost=losses, crash=crashes)
    def cancelled(self, number: int, lost: list[str], crash: int | None) -> None:
        if order := self.order(number, state=State.INIT):
            self.gateway.lost = lost
            self.do(lambda: cancel_topup(order=order, actor="citizen", reason="test"), crash=crash)

    @made("paid", "loaded")
    @rule(number=numbers, tear=tears, forgets=st.booleans(), crash=crashes)
    def loaded(self, number: int, tear: Tear, forgets: bool, crash: int | None) -> None:
        order = self.order(number, purse__kind="chip", state__in=[State.PAID, State.LOADED, State.CONFIRMED])
        holder = next((h for h in self.holders if order and h.card.pk == order.card_id), None)
        if order is None or holder is None:
            return
        transport = TornAt(holder.chip, tear, forgets)
        self.do(
            lambda: load_chip(
                order=order, transport=transport, terminal_no=COUNTER_NO, when=self.now, pin=PIN
            ),
            crash=crash,
        )

    @made("paid", "loaded")
    @rule(number=numbers, tear=tears, forgets=st.booleans(), crash=crashes)
    def written_back(self, number: int, tear: Tear, forgets: bool, crash: int | None) -> None:
        if holder := self.holder(number):
            transport = TornAt(holder.chip, tear, forgets)
            self.do(
                lambda: write_back(transport=transport, terminal_no=COUNTER_NO, when=self.now, pin=PIN),
                crash=crash,
            )

    @rule(wait=st.sampled_from([timedelta(), POLL_AFTER, EXPIRES_AFTER]), lost=losses, crash=crashes)
    def repaired(self, wait: timedelta, lost: list[str], crash: int | None) -> None:
        self.tick(wait)
        self.gateway.lost = lost
        self.do(lambda: repair_topups(now=self.now), crash=crash)

    @made("gateway refund")
    @rule(status=st.sampled_from([*RefundStatus]), lost=losses, crash=crashes)
    def refunds_sent(self, status: RefundStatus, lost: list[str], crash: int | None) -> None:
        self.tick(ASK_AGAIN_AFTER)
        self.gateway.refund_status, self.gateway.lost = status, lost
        self.do(lambda: send_gateway_refunds(now=self.now), crash=crash)
        self.do(lambda: follow_gateway_refunds(now=self.now), crash=crash)

    @made("refund at gateway")
    @rule(number=numbers, succeeds=st.booleans(), crash=crashes)
    def refund_ends(self, number: int, succeeds: bool, crash: int | None) -> None:
        """Pending ones end; one that succeeded may come back from the payer's bank."""
        if keys := list(self.gateway.refunds):
            key = keys[number % len(keys)]
            status = RefundStatus.SUCCEEDED if succeeds else RefundStatus.FAILED
            if self.gateway.refunds[key].status in (RefundStatus.FAILED, RefundStatus.CANCELED):
                return
            body = self.gateway.tell(self.gateway.settle_refund(key, status))
            self.do(lambda: handle_gateway_event(body=body, signature=""), crash=crash)

    @rule(crash=crashes)
    def matched(self, crash: int | None) -> None:
        self.do(lambda: match_topups(self.open_date()), crash=crash)

    @made("agent debt")
    @rule(part=st.integers(1, 100), crash=crashes, again=st.booleans())
    def agent_pays(self, part: int, crash: int | None, again: bool) -> None:
        agent, key, when = Agent.objects.get(pk=AGENT), self.key(), self.now
        amount_fen = max(self.book.fen["1013"], 0) * part // 100
        if self.do(
            lambda: remittances.receive_agent_payment(
                agent=agent, amount_fen=amount_fen, key=key, actor="bank", occurred_at=when
            ),
            crash=crash,
            again=again,
        ):
            self.book.move("1001", "1013", amount_fen)

    @made("kiosk cash")
    @rule(off=st.sampled_from([0, 0, 7, -7]), crash=crashes, again=st.booleans())
    def kiosk_emptied(self, off: int, crash: int | None, again: bool) -> None:
        key, when, expected = self.key(), self.now, self.book.fen["1014"]
        counted = max(expected + off, 0)
        if self.do(
            lambda: remittances.empty_kiosk(
                kiosk=KIOSK, counted_fen=counted, key=key, actor=CLERK, occurred_at=when
            ),
            crash=crash,
            again=again,
        ):
            self.book.move("1011", "1014", expected)
            if counted > expected:
                self.book.move("1011", "2241", counted - expected)
            else:
                self.book.move("1221", "1011", expected - counted)

    def follow(self) -> None:
        super().follow()
        orders, payments = self.book.orders.values(), self.gateway.payments.values()
        for thing in State.values:
            self.made[thing] = sum(order.state == thing for order in orders)
        self.made["gateway init"] = sum((o.channel, o.state) == ("gateway", "init") for o in orders)
        self.made["unpaid"] = self.made["init"] - self.made["gateway init"]
        self.made["payment succeeded"] = sum(p.status is PaymentStatus.SUCCEEDED for p in payments)
        self.made["refund at gateway"] = len(self.gateway.refunds)
        self.made["call-back"] = len(self.gateway.events)
        self.made["agent debt"], self.made["kiosk cash"] = self.book.fen["1013"], self.book.fen["1014"]

    def check_order(self, before: Order | None, after: Order) -> None:  # type: ignore[override]
        """What is booked as paid by the gateway was paid there."""
        super().check_order(before, after)
        if after.paid and after.channel in ("gateway", "mandate"):
            paid = [p for p in self.gateway.payments.values() if p.order_number == after.number]
            assert [p.amount_fen for p in paid if p.status is PaymentStatus.SUCCEEDED] == [after.amount_fen]
        assert self.book.fen["1013"] <= AGENT_LIMIT_FEN

    def settle(self) -> None:
        """Matched, repaired, every torn card at the reader, every refund sent."""
        super().settle()
        self.gateway.refund_status = RefundStatus.SUCCEEDED
        for key, refund in self.gateway.refunds.items():
            if refund.status is RefundStatus.PENDING:
                self.gateway.settle_refund(key, RefundStatus.SUCCEEDED)
        for days in range((self.open_date() - self.city.today).days + 1):
            match_topups(self.city.today + timedelta(days=days))
        self.tick(2 * EXPIRES_AFTER)  # the clock runs on while a step is slow, and orders carry its time
        repair_topups(now=self.now)
        for holder in self.holders:
            if holder.card.topups.filter(state=State.LOADED).exists():
                self.at_the_reader(holder)
        self.tick(ASK_AGAIN_AFTER)
        send_gateway_refunds(now=self.now)

    def at_the_reader(self, holder: Holder) -> None:
        """A quiet visit to the counter."""
        transport = TornAt(holder.chip, None, False)
        write_back(transport=transport, terminal_no=COUNTER_NO, when=self.now, pin=PIN)

    def after_the_storm(self) -> None:
        """Nothing is left open, and the gateway has what our books say it has."""
        super().after_the_storm()
        assert not TopUpOrder.objects.filter(state=State.INIT, channel="gateway").exists()
        # What a lost card had not taken up waits until it is found, or refunded.
        open_loads = TopUpOrder.objects.filter(state=State.LOADED).exclude(card__state=Card.State.LOST)
        assert (
            list(open_loads.values_list("number", "channel", "card__state", "amount_fen", "online_atc")) == []
        )
        assert self.gateway.received_fen == self.book.fen["1012"] + self.book.fen["1015"]
