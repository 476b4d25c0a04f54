"""The posting of each business event: which accounts, which way. Worked examples are in docs/ledger.md.

Each function returns the legs of one journal, for `post_journal`. Amounts in fen, ids of ledger accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from accounts.models import (
    Card,
    Chart,
    Compensation,
    CreditReturn,
    DisputedCharge,
    DrawerCount,
    GatewayRefund,
    Pass,
    PassLapse,
    PassUse,
    Purse,
    Refund,
    RefundPart,
    Remittance,
    SubsidyFunds,
    TopUpOrder,
    Transfer,
)
from accounts.services.ledger import Leg, open_account

_MONEY_IN = {
    TopUpOrder.Channel.CASH: Chart.COUNTER_CASH,
    TopUpOrder.Channel.AGENT: Chart.AGENT_RECEIVABLE,
    TopUpOrder.Channel.KIOSK: Chart.KIOSK_CASH,
    TopUpOrder.Channel.GATEWAY: Chart.GATEWAY_RECEIVABLE,
    TopUpOrder.Channel.MANDATE: Chart.DIRECT_DEBIT_RECEIVABLE,
    TopUpOrder.Channel.SUBSIDY: Chart.SUBSIDY_RECEIVABLE,
    TopUpOrder.Channel.REPAIR: Chart.MERCHANT_PAYABLE,
    TopUpOrder.Channel.REFUND: Chart.MERCHANT_PAYABLE,
    TopUpOrder.Channel.DISPUTE: Chart.CREDITS_ADVANCED,
    TopUpOrder.Channel.REPLACED: Chart.CARDS_REPLACED,
}
_PAID_OUT = (
    TopUpOrder.Channel.KIOSK,
    TopUpOrder.Channel.REPAIR,
    TopUpOrder.Channel.REFUND,
    TopUpOrder.Channel.DISPUTE,
    TopUpOrder.Channel.REPLACED,
)
"""What came in this way is given back at the counter."""


def account_id(chart: Chart) -> int:
    """The id of an account that has no owner, such as counter cash."""
    return open_account(chart=chart).pk


def card_sold(*, card: Card, occurred_at: datetime) -> list[Leg]:
    """Price and deposit paid in cash at the counter; a card that cost nothing has no legs."""
    parts = (
        (Transfer.Kind.CARD_SALE, Chart.CARD_SALES, card.price_fen or 0),
        (Transfer.Kind.DEPOSIT, Chart.DEPOSITS, card.deposit_fen or 0),
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

    A payment through the gateway is owed until the gateway has refunded it; what a kiosk took, what a merchant owes or gave
    back, and what a dispute has credited, the counter pays out.
    """
    if order.gateway_id:
        money = account_id(Chart.REFUNDS_PAYABLE)
    elif order.channel in _PAID_OUT:
        money = account_id(Chart.COUNTER_CASH)
    else:
        money = money_in_account_id(order)
    transit = account_id(Chart.TOP_UPS_IN_TRANSIT)
    return [Leg(transit, money, order.amount_fen, Transfer.Kind.TOP_UP_REVERSED, order.pk, order.occurred_at)]


def topup_taken_back(*, order: TopUpOrder, purse: Purse) -> list[Leg]:
    """A top-up of today leaves the account purse again; `topup_reversed` then gives the money back."""
    transit, kind = account_id(Chart.TOP_UPS_IN_TRANSIT), Transfer.Kind.TOP_UP_TAKEN_BACK
    return [Leg(purse.account_id, transit, order.amount_fen, kind, order.pk, order.occurred_at)]


def sale_reversed(*, card: Card, occurred_at: datetime) -> list[Leg]:
    """A card sold today comes back unused: its price is paid out of the drawer; nothing for one that cost nothing."""
    sold, cash = account_id(Chart.CARD_SALES), account_id(Chart.COUNTER_CASH)
    price_fen = card.price_fen or 0
    return (
        [Leg(sold, cash, price_fen, Transfer.Kind.SALE_REVERSED, card.pk, occurred_at)] if price_fen else []
    )


def gateway_refund_paid(*, refund: GatewayRefund) -> list[Leg]:
    """The gateway has given the payer the money back: it is owed no more, and taken off what the gateway owes us."""
    owed, gateway = account_id(Chart.REFUNDS_PAYABLE), money_in_account_id(refund.order)
    when = refund.settled_at or refund.requested_at
    return [Leg(owed, gateway, refund.amount_fen, Transfer.Kind.REFUND_PAID, refund.pk, when)]


def gateway_refund_returned(*, refund: GatewayRefund) -> list[Leg]:
    """The payer's bank has sent a refund back: the money is owed again."""
    owed, gateway = account_id(Chart.REFUNDS_PAYABLE), money_in_account_id(refund.order)
    when = refund.settled_at or refund.requested_at
    return [Leg(gateway, owed, refund.amount_fen, Transfer.Kind.REFUND_RETURNED, refund.pk, when)]


def remitted(*, remittance: Remittance) -> list[Leg]:
    """What was expected comes in from an agent or a kiosk's box; what is over or short of it waits in suspense."""
    into, account = account_id(Chart(remittance.into)), remittance.account_id
    counted_fen, expected_fen = remittance.counted_fen, remittance.expected_fen
    over, short = account_id(Chart.SUSPENSE_PAYABLE), account_id(Chart.SUSPENSE_RECEIVABLE)
    parts = (
        (into, account, expected_fen),
        (into, over, counted_fen - expected_fen),
        (short, into, expected_fen - counted_fen),
    )
    return [
        Leg(debit, credit, fen, Transfer.Kind.FUNDS_RECEIVED, remittance.pk, remittance.occurred_at)
        for debit, credit, fen in parts
        if fen > 0
    ]


def drawer_difference(*, count: DrawerCount) -> list[Leg]:
    """A drawer held more than it should, or less: the difference waits in suspense."""
    cash, kind = account_id(Chart.COUNTER_CASH), Transfer.Kind.DRAWER_DIFFERENCE
    if count.difference_fen > 0:
        over = account_id(Chart.SUSPENSE_PAYABLE)
        return [Leg(cash, over, count.difference_fen, kind, count.pk, count.made_at)]
    short = account_id(Chart.SUSPENSE_RECEIVABLE)
    return [Leg(short, cash, -count.difference_fen, kind, count.pk, count.made_at)]


def deposit_returned(
    *, card: Card, deposit_fen: int, damage_fen: int, to: Chart, occurred_at: datetime
) -> list[Leg]:
    """The deposit goes back: to cash at the counter, or to what is owed with a refund; damage is kept as a fee."""
    held = account_id(Chart.DEPOSITS)
    parts = (
        (to, Transfer.Kind.DEPOSIT_RETURNED, deposit_fen - damage_fen),
        (Chart.SERVICE_FEES, Transfer.Kind.DAMAGE_CHARGED, damage_fen),
    )
    return [
        Leg(held, account_id(chart), amount_fen, kind, card.pk, occurred_at)
        for chart, kind, amount_fen in parts
        if amount_fen
    ]


def refund_owed(*, refund: Refund, purses: Sequence[Purse], occurred_at: datetime) -> list[Leg]:
    """An approved refund: the card's purses are emptied into what is owed, with price and interest, less the fee.

    A purse below zero is made good out of what is owed, that is out of the deposit.
    """
    owed, card_id = account_id(Chart.REFUNDS_PAYABLE), refund.card_id
    emptied = [
        (purse.account_id, owed, purse.balance_fen, Transfer.Kind.REFUND_OWED, purse.pk) for purse in purses
    ]
    others = [
        (account_id(Chart.CARD_SALES), owed, refund.price_fen, Transfer.Kind.CARD_RETURNED, card_id),
        (account_id(Chart.WRITE_OFF), owed, refund.interest_fen, Transfer.Kind.INTEREST_OWED, card_id),
        (owed, account_id(Chart.SERVICE_FEES), refund.fee_fen, Transfer.Kind.SERVICE_FEE, card_id),
    ]
    return [
        Leg(debit, credit, fen, kind, source_id, occurred_at)
        if fen > 0
        else Leg(credit, debit, -fen, kind, source_id, occurred_at)
        for debit, credit, fen, kind, source_id in emptied + others
        if fen
    ]


def refund_part_paid(*, part: RefundPart, occurred_at: datetime) -> list[Leg]:
    """What is owed reaches its payee: in cash at the counter or by the bank. The gateway's parts are its refunds."""
    money = {RefundPart.Method.CASH: Chart.COUNTER_CASH, RefundPart.Method.BANK: Chart.RESERVE_BANK}
    owed, paid_from = account_id(Chart.REFUNDS_PAYABLE), account_id(money[RefundPart.Method(part.method)])
    return [Leg(owed, paid_from, part.amount_fen, Transfer.Kind.REFUND_PAID, part.pk, occurred_at)]


def compensation_owed(*, note: Compensation) -> Leg:
    """The city was wrong, and owes the holder."""
    cost, owed = account_id(Chart.WRITE_OFF), account_id(Chart.COMPENSATION_PAYABLE)
    kind = Transfer.Kind.COMPENSATION_OWED
    return Leg(cost, owed, note.amount_fen, kind, note.pk, note.occurred_at)


def compensation_paid(*, note: Compensation) -> Leg:
    """What was owed reaches the holder: in the card's online account, or in cash at the counter."""
    into = note.purse.account_id if note.purse else account_id(Chart.COUNTER_CASH)
    owed, kind = account_id(Chart.COMPENSATION_PAYABLE), Transfer.Kind.COMPENSATION_PAID
    return Leg(owed, into, note.amount_fen, kind, note.pk, note.paid_at or note.occurred_at)


def card_replaced(*, amounts: Sequence[tuple[Purse, int]], occurred_at: datetime) -> list[Leg]:
    """What the purses of a replaced card hold leaves them; what a ride has overdrawn is made good of the rest."""
    between, kind = account_id(Chart.CARDS_REPLACED), Transfer.Kind.CARD_REPLACED
    return [
        Leg(purse.account_id, between, fen, kind, purse.pk, occurred_at)
        if fen > 0
        else Leg(between, purse.account_id, -fen, kind, purse.pk, occurred_at)
        for purse, fen in amounts
        if fen
    ]


def dispute_borne(*, charge: DisputedCharge, bearer_id: int, occurred_at: datetime) -> list[Leg]:
    """The holder was right: who has to bear it, a merchant by its payable account or we, pays what was credited."""
    advanced, kind = account_id(Chart.CREDITS_ADVANCED), Transfer.Kind.DISPUTE_BORNE
    return [Leg(bearer_id, advanced, charge.amount_fen, kind, charge.pk, occurred_at)]


def credit_taken_back(*, part: CreditReturn, purse_id: int) -> list[Leg]:
    """The charge stands: the purse gives back what it was credited, as far as it has it."""
    advanced, kind = account_id(Chart.CREDITS_ADVANCED), Transfer.Kind.CREDIT_TAKEN_BACK
    return [Leg(purse_id, advanced, part.amount_fen, kind, part.pk, part.occurred_at)]


def credit_written_off(*, part: CreditReturn) -> list[Leg]:
    """What nobody will give back of a credit becomes our loss."""
    lost, advanced = account_id(Chart.WRITE_OFF), account_id(Chart.CREDITS_ADVANCED)
    return [Leg(lost, advanced, part.amount_fen, Transfer.Kind.CREDIT_WRITTEN_OFF, part.pk, part.occurred_at)]


class Grant(NamedTuple):
    """One top-up of a subsidy; `account_id` is the account of an account purse, None where the value waits for a chip."""

    order_id: int
    amount_fen: int
    account_id: int | None


class GivenBack(NamedTuple):
    """One top-up that a merchant pays back: its order, the merchant's payable account, fen."""

    order_id: int
    payable_id: int
    amount_fen: int


class SubsidyClaim(NamedTuple):
    """What a payer owes a merchant for rides: the document, both accounts, fen (negative: too much was claimed)."""

    source_id: int
    payer_id: int
    payable_id: int
    amount_fen: int


def subsidy_paid(*, payer_id: int, grants: Sequence[Grant], occurred_at: datetime) -> list[Leg]:
    """A payer's batch: each amount into transit for its chip, and on into the purse where that is an account."""
    transit = account_id(Chart.TOP_UPS_IN_TRANSIT)
    paid, loaded = Transfer.Kind.TOP_UP_PAID, Transfer.Kind.TOP_UP_LOADED
    legs = [Leg(payer_id, transit, fen, paid, order, occurred_at) for order, fen, _ in grants]
    return legs + [
        Leg(transit, purse, fen, loaded, order, occurred_at)
        for order, fen, purse in grants
        if purse is not None
    ]


def fares_given_back(*, grants: Sequence[GivenBack], occurred_at: datetime) -> list[Leg]:
    """What merchants took too much: off what they are owed, into transit for the card's chip."""
    transit, paid = account_id(Chart.TOP_UPS_IN_TRANSIT), Transfer.Kind.TOP_UP_PAID
    return [Leg(payable, transit, fen, paid, order, occurred_at) for order, payable, fen in grants]


def fares_subsidised(*, claims: Sequence[SubsidyClaim], occurred_at: datetime) -> list[Leg]:
    """What concessions took off fares, owed to the merchants by who promised to pay; a negative claim is taken back."""
    kind = Transfer.Kind.FARE_SUBSIDY
    return [
        Leg(payer, payable, fen, kind, source, occurred_at)
        if fen > 0
        else Leg(payable, payer, -fen, kind, source, occurred_at)
        for source, payer, payable, fen in claims
        if fen
    ]


def subsidy_funded(*, funds: SubsidyFunds) -> list[Leg]:
    """The payer's money reached the reserve bank: it owes that much less."""
    bank = account_id(Chart.RESERVE_BANK)
    kind = Transfer.Kind.FUNDS_RECEIVED
    return [Leg(bank, funds.payer_id, funds.amount_fen, kind, funds.pk, funds.occurred_at)]


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


def held_purchase_paid(
    *, held_id: int, payable_id: int, amount_fen: int, tap_id: int, occurred_at: datetime
) -> list[Leg]:
    """What was held back is the merchant's after all. `held_id` is given: whoever decides does so for many at once."""
    return [Leg(held_id, payable_id, amount_fen, Transfer.Kind.HELD_PAID, tap_id, occurred_at)]


def held_purchase_returned(
    *, held_id: int, returned_to_id: int, amount_fen: int, tap_id: int, occurred_at: datetime
) -> list[Leg]:
    """What was held back goes back to the purse it came from, or closes the claim that it was."""
    return [Leg(held_id, returned_to_id, amount_fen, Transfer.Kind.HELD_RETURNED, tap_id, occurred_at)]


def loss_borne(
    *, write_off_id: int, payable_id: int, amount_fen: int, tap_id: int, occurred_at: datetime
) -> list[Leg]:
    """A purchase with a lost card that the centre was too late to prevent: it pays the merchant itself."""
    return [Leg(write_off_id, payable_id, amount_fen, Transfer.Kind.LOSS_BORNE, tap_id, occurred_at)]


def claim_collected(
    *, claims_id: int, purse_id: int, amount_fen: int, claim_id: int, occurred_at: datetime
) -> list[Leg]:
    """The value that was missing has turned up in the purse: it pays what its purchase left as a claim."""
    return [Leg(purse_id, claims_id, amount_fen, Transfer.Kind.CLAIM_COLLECTED, claim_id, occurred_at)]


def claim_written_off(*, amount_fen: int, claim_id: int, occurred_at: datetime) -> list[Leg]:
    """A claim that nobody will pay becomes our loss."""
    claims, lost = account_id(Chart.SUSPENSE_RECEIVABLE), account_id(Chart.WRITE_OFF)
    return [Leg(lost, claims, amount_fen, Transfer.Kind.CLAIM_WRITTEN_OFF, claim_id, occurred_at)]


def grey_settled(
    *, payer_id: int, payable_id: int, amount_fen: int, grey_id: int, occurred_at: datetime
) -> list[Leg]:
    """A purchase without proof that the chip's later records show: its purse pays, or it is a claim beyond the balance."""
    return [Leg(payer_id, payable_id, amount_fen, Transfer.Kind.GREY_SETTLED, grey_id, occurred_at)]


def ride_paid(
    *, purse_id: int, payable_id: int, amount_fen: int, ride_id: int, occurred_at: datetime
) -> list[Leg]:
    """A ride by ride code: the account purse pays the merchant."""
    return [Leg(purse_id, payable_id, amount_fen, Transfer.Kind.RIDE_PAID, ride_id, occurred_at)]


def ride_claimed(
    *, claim_id: int, payable_id: int, amount_fen: int, ride_id: int, occurred_at: datetime
) -> list[Leg]:
    """A ride by ride code that the purse could not pay any more: the merchant is paid, the holder owes it."""
    return [Leg(claim_id, payable_id, amount_fen, Transfer.Kind.RIDE_CLAIMED, ride_id, occurred_at)]


def payment_made(
    *, purse_id: int, payee_id: int, amount_fen: int, payment_id: int, occurred_at: datetime
) -> list[Leg]:
    """The account purse pays online: a merchant, an operator."""
    return [Leg(purse_id, payee_id, amount_fen, Transfer.Kind.PAYMENT, payment_id, occurred_at)]


def payment_refunded(
    *, purse_id: int, payee_id: int, amount_fen: int, refund_id: int, occurred_at: datetime
) -> list[Leg]:
    """The payee gives some of a payment back, into the purse it came from."""
    return [Leg(payee_id, purse_id, amount_fen, Transfer.Kind.PAYMENT_REFUNDED, refund_id, occurred_at)]


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
    """A merchant's day: the fee to income, the rest due for payout, or due from it after a day of refunds.

    Amounts of zero make no leg. `fee_income_id` is given, not looked up: a clearing calls this for thousands of merchants.
    """
    parts = (
        (payable_id, fee_income_id, fee_fen, Transfer.Kind.FEE),
        (payable_id, settlement_id, net_fen, Transfer.Kind.SETTLEMENT),
        (settlement_id, payable_id, -net_fen, Transfer.Kind.SETTLEMENT),
    )
    return [
        Leg(debit, credit, amount_fen, kind, statement_id, occurred_at)
        for debit, credit, amount_fen, kind in parts
        if amount_fen > 0
    ]


class Payout(NamedTuple):
    """One payout order: its id, the merchant's settlement account, fen."""

    order_id: int
    settlement_id: int
    amount_fen: int


class BankBooking(NamedTuple):
    """One entry of a bank statement: its id, the account beside the bank's, kind of transfer, fen as the bank signs them."""

    entry_id: int
    account_id: int
    kind: int
    signed_fen: int
    booked_at: datetime


def payouts_sent(*, payouts: Sequence[Payout], occurred_at: datetime) -> list[Leg]:
    """The bank has its order: merchants are owed no more, the money is on its way."""
    transit, kind = account_id(Chart.PAYOUTS_IN_TRANSIT), Transfer.Kind.PAYOUT_SENT
    return [Leg(settlement, transit, fen, kind, order, occurred_at) for order, settlement, fen in payouts]


def payouts_rejected(*, payouts: Sequence[Payout], occurred_at: datetime) -> list[Leg]:
    """The bank did not carry the orders out: their merchants are owed the money again."""
    transit, kind = account_id(Chart.PAYOUTS_IN_TRANSIT), Transfer.Kind.PAYOUT_REJECTED
    return [Leg(transit, settlement, fen, kind, order, occurred_at) for order, settlement, fen in payouts]


def bank_entries_booked(*, bookings: Sequence[BankBooking]) -> list[Leg]:
    """What the bank has booked on the reserve account: positive came in, negative went out, against another account."""
    bank = account_id(Chart.RESERVE_BANK)
    return [
        Leg(bank, account, fen, kind, entry, booked_at)
        if fen > 0
        else Leg(account, bank, -fen, kind, entry, booked_at)
        for entry, account, kind, fen, booked_at in bookings
    ]


def suspense_resolved(*, item_id: int, target_id: int, signed_fen: int, occurred_at: datetime) -> list[Leg]:
    """A bank entry's owner is found: what came in (positive) goes to the target, what went out is the target's."""
    kind = Transfer.Kind.SUSPENSE_RESOLVED
    if signed_fen > 0:
        held = account_id(Chart.SUSPENSE_PAYABLE)
        return [Leg(held, target_id, signed_fen, kind, item_id, occurred_at)]
    claim = account_id(Chart.SUSPENSE_RECEIVABLE)
    return [Leg(target_id, claim, -signed_fen, kind, item_id, occurred_at)]


def settlement_shared(
    *, giver_id: int, taker_id: int, amount_fen: int, share_id: int, occurred_at: datetime
) -> list[Leg]:
    """A merchant's part of what another one settled, between their settlement accounts; below zero it gives. Zero makes no leg."""
    parts = ((giver_id, taker_id, amount_fen), (taker_id, giver_id, -amount_fen))
    return [
        Leg(debit, credit, fen, Transfer.Kind.SPLIT, share_id, occurred_at)
        for debit, credit, fen in parts
        if fen > 0
    ]


def adjusted(
    *, payable_id: int, against: Chart, amount_fen: int, adjustment_id: int, occurred_at: datetime
) -> list[Leg]:
    """A merchant is owed more, out of the account that bears it, or less, where the amount is below zero."""
    bearer, kind = account_id(against), Transfer.Kind.ADJUSTMENT
    if amount_fen > 0:
        return [Leg(bearer, payable_id, amount_fen, kind, adjustment_id, occurred_at)]
    return [Leg(payable_id, bearer, -amount_fen, kind, adjustment_id, occurred_at)]


def money_in_account_id(order: TopUpOrder) -> int:
    """The id of the account that the order's money comes into: by channel, and by agent, kiosk, payer or merchant."""
    return open_account(chart=_MONEY_IN[TopUpOrder.Channel(order.channel)], owner=order.party).pk


def pass_sold(*, card_pass: Pass) -> list[Leg]:
    """A pass paid in cash: the price waits for rides and days to be taken."""
    cash, sold = account_id(Chart.COUNTER_CASH), account_id(Chart.PASSES_SOLD)
    kind = Transfer.Kind.PASS_SOLD
    return [Leg(cash, sold, card_pass.price_fen, kind, card_pass.pk, card_pass.sold_at)]


def pass_used(*, use: PassUse) -> list[Leg]:
    """A ride on a pass: its share of the price goes to who carried the holder."""
    sold, kind = account_id(Chart.PASSES_SOLD), Transfer.Kind.PASS_USED
    return [Leg(sold, use.payee_id, use.value_fen, kind, use.pk, use.used_at)]


def passes_lapsed(*, lapses: Sequence[tuple[int, int, int]], occurred_at: datetime) -> list[Leg]:
    """Time has taken its part of passes: `lapses` are (PassLapse id, fen, account that gets it)."""
    sold, kind = account_id(Chart.PASSES_SOLD), Transfer.Kind.PASS_EXPIRED
    return [Leg(sold, account, fen, kind, lapse, occurred_at) for lapse, fen, account in lapses]


def pass_refunded(
    *,
    card_pass: Pass,
    lapse: PassLapse | None,
    payable_fen: int,
    fee_fen: int,
    occurred_at: datetime,
) -> list[Leg]:
    """A pass given back: begun days to the operator, the fee to us, the rest to the holder in cash. Zero makes no leg."""
    sold = account_id(Chart.PASSES_SOLD)
    parts = [
        (account_id(Chart.COUNTER_CASH), payable_fen, Transfer.Kind.PASS_REFUNDED, card_pass.pk),
        (account_id(Chart.SERVICE_FEES), fee_fen, Transfer.Kind.PASS_REFUNDED, card_pass.pk),
    ]
    if lapse is not None:
        operator_id = card_pass.product.operator_id
        parts.append((operator_id, lapse.value_fen, Transfer.Kind.PASS_EXPIRED, lapse.pk))
    return [Leg(sold, account, fen, kind, source, occurred_at) for account, fen, kind, source in parts if fen]
