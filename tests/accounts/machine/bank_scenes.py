"""Scenes of the bank: a shop is paid out, its payout rejected, a statement booked, an item resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from accounts.models import Chart
from accounts.services.ledger import open_account
from accounts.services.payments import account_purse, pay
from accounts.services.topup import receive_cash
from citizencard.sandbox.bank import Booking, pain002
from settlement.models import PayoutBatch, SuspenseItem
from settlement.services import payouts
from settlement.services.clearing import clear_day
from settlement.services.order_status import import_status_report
from settlement.services.statements import import_statement
from settlement.services.suspense import approve_resolution, propose_resolution
from tests.factories import CLERK, NOON, make_card, make_order, make_product
from tests.fixtures_accounts import TODAY
from tests.settlement.bank.bank import (
    CHECKER,
    MAKER,
    claim,
    debits,
    give_account,
    name_sources,
    one_approval_is_enough,
    statement,
)
from tests.settlement.rules import calendar, in_force
from tests.terminals.field import make_merchant

Event = Callable[[], object]
NEXT = date(2026, 3, 3)


def payouts_sent(stage: object) -> Iterator[Event]:
    batch = _approved()
    yield lambda: payouts.send_payouts(batch=batch, actor=MAKER, now=NOON)


def payouts_rejected(stage: object) -> Iterator[Event]:
    order = payouts.payment_order(_sent())
    report = pain002(order, order.payments)
    yield lambda: import_status_report(content=report, actor=MAKER, now=NOON)


def bank_entries_booked(stage: object) -> Iterator[Event]:
    batch = _sent()
    claim(Chart.GATEWAY_RECEIVABLE, 700)
    lines = [*debits(batch), Booking(700, reference="GW-1")]
    content = statement(lines, day=NEXT)
    yield lambda: import_statement(content=content, actor=MAKER, now=NOON)


def suspense_resolved(stage: object) -> Iterator[Event]:
    open_account(chart=Chart.SERVICE_FEES)
    content = statement([Booking(300, note="unknown")], day=NEXT)
    import_statement(content=content, actor=MAKER, now=NOON)
    item = propose_resolution(
        item=SuspenseItem.objects.get(), target=Chart.SERVICE_FEES, reason="found", actor=MAKER
    )
    yield lambda: approve_resolution(item=item, actor=CHECKER, now=NOON)


def _approved() -> PayoutBatch:
    """The shop's day is cleared, its batch agreed on."""
    shop = make_merchant("SHOP", "shop", fee_basis_points=0)
    card = make_card(product=make_product(code="payer", price_fen=0, deposit_fen=0, account_limit_fen=50_000))
    receive_cash(order=make_order(card=card, purse_kind="account"), actor=CLERK)
    pay(
        purse=account_purse(card),
        payee=shop.payable_id,
        amount_fen=900,
        key="lunch",
        channel="qr",
        actor=CLERK,
        occurred_at=NOON,
    )
    in_force(calendar(TODAY.year), "calendar")
    clear_day(day=TODAY)
    give_account("SHOP")
    one_approval_is_enough()
    name_sources()
    batch = payouts.make_payouts(through=TODAY, actor="system", now=NOON)
    payouts.propose_payouts(batch=batch, actor=MAKER)
    return payouts.approve_payouts(batch=batch, actor=CHECKER)


def _sent() -> PayoutBatch:
    return payouts.send_payouts(batch=_approved(), actor=MAKER, now=NOON)


SCENES = (payouts_sent, payouts_rejected, bank_entries_booked, suspense_resolved)
