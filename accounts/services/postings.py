"""The posting of each business event: which accounts, which way. Worked examples are in docs/ledger.md.

Each function returns the legs of one journal, for `post_journal`. Amounts in fen, ids of ledger accounts.
"""

from __future__ import annotations

from datetime import datetime

from accounts.models import Card, Chart, Purse, TopUpOrder, Transfer
from accounts.services.ledger import Leg, open_account

_MONEY_IN = {
    TopUpOrder.Channel.CASH: Chart.COUNTER_CASH,
    TopUpOrder.Channel.AGENT: Chart.AGENT_RECEIVABLE,
    TopUpOrder.Channel.KIOSK: Chart.KIOSK_CASH,
    TopUpOrder.Channel.GATEWAY: Chart.GATEWAY_RECEIVABLE,
    TopUpOrder.Channel.MANDATE: Chart.DIRECT_DEBIT_RECEIVABLE,
    TopUpOrder.Channel.SUBSIDY: Chart.SUBSIDY_RECEIVABLE,
}


def account_id(chart: Chart) -> int:
    """The id of an account that has no owner, such as counter cash."""
    return open_account(chart=chart).pk


def card_sold(*, card: Card, occurred_at: datetime) -> list[Leg]:
    """Price and deposit paid in cash at the counter; a product that costs nothing has no legs."""
    parts = (
        (Transfer.Kind.CARD_SALE, Chart.CARD_SALES, card.product.price_fen),
        (Transfer.Kind.DEPOSIT, Chart.DEPOSITS, card.product.deposit_fen),
    )
    return [
        Leg(account_id(Chart.COUNTER_CASH), account_id(chart), amount_fen, kind, card.pk, occurred_at)
        for kind, chart, amount_fen in parts
        if amount_fen
    ]


def topup_paid(*, order: TopUpOrder) -> list[Leg]:
    """Money came in by the order's channel, through its agent, kiosk or payer; the value waits in transit."""
    money, transit = money_in_account_id(order), account_id(Chart.TOP_UPS_IN_TRANSIT)
    return [Leg(money, transit, order.amount_fen, Transfer.Kind.TOP_UP_PAID, order.pk, order.occurred_at)]


def topup_loaded(*, order: TopUpOrder, purse: Purse, occurred_at: datetime) -> list[Leg]:
    """The value reached its purse, on the chip or online: out of transit."""
    transit = account_id(Chart.TOP_UPS_IN_TRANSIT)
    return [
        Leg(transit, purse.account_id, order.amount_fen, Transfer.Kind.TOP_UP_LOADED, order.pk, occurred_at)
    ]


def topup_reversed(*, order: TopUpOrder) -> list[Leg]:
    """The value never reached a purse: the money goes back the way it came.

    A payment through the gateway is owed until the gateway has refunded it; what a kiosk took, the counter pays out.
    """
    if order.gateway_id:
        money = account_id(Chart.REFUNDS_PAYABLE)
    elif order.channel == TopUpOrder.Channel.KIOSK:
        money = account_id(Chart.COUNTER_CASH)
    else:
        money = money_in_account_id(order)
    transit = account_id(Chart.TOP_UPS_IN_TRANSIT)
    return [Leg(transit, money, order.amount_fen, Transfer.Kind.TOP_UP_REVERSED, order.pk, order.occurred_at)]


def purchase_accepted(
    *, purse_id: int, payable_id: int, amount_fen: int, tap_id: int, occurred_at: datetime
) -> list[Leg]:
    """The purse pays the merchant."""
    return [Leg(purse_id, payable_id, amount_fen, Transfer.Kind.PURCHASE, tap_id, occurred_at)]


def purchase_held(*, purse_id: int, amount_fen: int, tap_id: int, occurred_at: datetime) -> list[Leg]:
    """A hot-listed card paid: the purse is debited, the merchant is not paid until somebody decides."""
    held = account_id(Chart.SUSPENSE_PAYABLE)
    return [Leg(purse_id, held, amount_fen, Transfer.Kind.PURCHASE_HELD, tap_id, occurred_at)]


def purchase_claimed(*, payable_id: int, amount_fen: int, tap_id: int, occurred_at: datetime) -> list[Leg]:
    """The chip paid more than the books know it had: the merchant is paid, the difference is ours to explain."""
    claim = account_id(Chart.SUSPENSE_RECEIVABLE)
    return [Leg(claim, payable_id, amount_fen, Transfer.Kind.PURCHASE_CLAIM, tap_id, occurred_at)]


def purchase_conflicting(*, amount_fen: int, tap_id: int, occurred_at: datetime) -> list[Leg]:
    """Two purchases with one counter, both with a right TAC: neither purse nor merchant moves until somebody decides."""
    claim, held = account_id(Chart.SUSPENSE_RECEIVABLE), account_id(Chart.SUSPENSE_PAYABLE)
    return [Leg(claim, held, amount_fen, Transfer.Kind.PURCHASE_HELD, tap_id, occurred_at)]


def merchant_cleared(
    *,
    payable_id: int,
    settlement_id: int,
    fee_income_id: int,
    fee_fen: int,
    net_fen: int,
    statement_id: int,
    occurred_at: datetime,
) -> list[Leg]:
    """A merchant's day: the fee to income, the rest due for payout. Amounts of zero make no leg.

    `fee_income_id` is given, not looked up: a clearing calls this for thousands of merchants.
    """
    parts = (
        (fee_income_id, fee_fen, Transfer.Kind.FEE),
        (settlement_id, net_fen, Transfer.Kind.SETTLEMENT),
    )
    return [
        Leg(payable_id, credit, amount_fen, kind, statement_id, occurred_at)
        for credit, amount_fen, kind in parts
        if amount_fen
    ]


def money_in_account_id(order: TopUpOrder) -> int:
    """The id of the account that the order's money comes into: by channel, and by agent, kiosk or payer."""
    return open_account(chart=_MONEY_IN[TopUpOrder.Channel(order.channel)], owner=order.party).pk
