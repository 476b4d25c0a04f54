"""A scene for each posting template: everything is prepared, and one call is left that books it, through its service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from accounts.gateway import port
from accounts.models import Card, Chart, GatewayRefund, Pass, Payment, RefundPart, TopUpOrder
from accounts.services import (
    agents,
    cards,
    holds,
    incidents,
    pass_lapses,
    pass_refunds,
    passes,
    remittances,
    subsidies,
    topup,
)
from accounts.services.cards import issue_card, mark_lost, mark_personalised
from accounts.services.concessions import grant_concession
from accounts.services.gateway_refunds import note_refund
from accounts.services.ledger import open_account
from accounts.services.payments import account_purse, pay, refund_payment
from accounts.services.refund_payout import confirm_bank_payout, pay_refund_in_cash
from accounts.services.refunds import approve_refund
from accounts.services.replacements import move_money, replace_card
from citizencard.core.keyservice.keystore import KeyStore
from settlement.services.adjustments import check_adjustment, propose_adjustment
from settlement.services.clearing import clear_day
from settlement.services.proposals import found_rule
from terminals.models import Merchant, WaitingPurchase
from terminals.services.acceptance import accept_batch
from terminals.services.greys import accept_greys, settle_greys
from terminals.services.held import (
    approve_proposal,
    collect_claims,
    propose_write_off,
    settle_hot_listed,
)
from terminals.services.hotlist import report_loss
from terminals.services.policies import publish_hot_list_policy
from terminals.services.pricing import price_day
from terminals.services.publishing import publish_hot_list
from terminals.services.ride_codes import accept_rides, issue_ride_code
from terminals.wire.batch import build_batch
from terminals.wire.grey import GreyRecord, build_greys
from terminals.wire.rides import RideRecord, build_rides
from tests.accounts.chip import Chip
from tests.accounts.machine import bank_scenes, dispute_scenes, drawer_scenes
from tests.accounts.refunds.stories import (
    LATER,
    OFFICER,
    anonymous_card,
    approved,
    due,
    named_card,
    pay_online,
    shown,
)
from tests.accounts.subsidies.files import subsidy_file
from tests.factories import CLERK, NOON, fill_purse, make_card, make_order, make_product
from tests.fixtures_accounts import TODAY
from tests.settlement.rules import ADJUSTMENTS, contract
from tests.terminals.field import Field, make_merchant
from tests.terminals.pricing.city import Riding

Event = Callable[[], object]


@dataclass
class Stage:
    """The key store for chips and terminals, and accounts that no scene uses for anything."""

    keys: KeyStore
    others: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        bystander = make_card(product=make_product(code="bystander", price_fen=0, deposit_fen=0))
        fill_purse(bystander, 5_000)
        found = [
            open_account(chart=chart).pk for chart in (Chart.COUNTER_CASH, Chart.DISPUTED, Chart.FEE_INCOME)
        ]
        self.others = [*found, bystander.purse.account_id]


def card_sold(stage: Stage) -> Iterator[Event]:
    changes: tuple[dict[str, Any], ...] = ({}, {"price_fen": 0})
    for terms in changes:
        card = make_card(product=make_product(**terms), state=Card.State.PERSONALISED)
        yield partial(cards.issue_card, card=card, actor=CLERK, occurred_at=NOON)


def topup_paid(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    yield partial(topup.receive_cash, order=make_order(card=card), actor=CLERK)
    agents.save_agent(code="A1", name="A1", credit_limit_fen=100_000, actor=CLERK)
    for channel, party in (("agent", "A1"), ("kiosk", "K1"), ("mandate", "")):
        order = make_order(card=card, channel=channel, party=party)
        yield partial(topup.receive_funds, order=order, actor=CLERK)
    yield partial(pay_online, card, 3_000)


def topup_loaded(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    order = topup.receive_cash(order=make_order(card=card), actor=CLERK)
    chip = Chip(stage.keys, card)
    mac2 = topup.authorise_load(order=order, when=NOON, **chip.initialise(order.amount_fen))
    tac = chip.credit(order.amount_fen, mac2)
    yield partial(topup.confirm_load, order=order, tac=tac, balance_after_fen=chip.balance_fen)
    yield partial(topup.receive_cash, order=make_order(card=card, purse_kind="account"), actor=CLERK)


def topup_reversed(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    agents.save_agent(code="A1", name="A1", credit_limit_fen=100_000, actor=CLERK)
    for channel, party in (("cash", ""), ("agent", "A1"), ("kiosk", "K1")):
        order = make_order(card=card, channel=channel, party=party)
        receive = topup.receive_cash if channel == "cash" else topup.receive_funds
        yield partial(topup.reverse_topup, order=receive(order=order, actor=CLERK), actor=CLERK, reason="")
    yield partial(topup.reverse_topup, order=paid_online(card), actor=CLERK, reason="")


def gateway_refund_paid(stage: Stage) -> Iterator[Event]:
    refund = asked_back()
    yield partial(note_refund, told(refund, port.RefundStatus.SUCCEEDED))


def gateway_refund_returned(stage: Stage) -> Iterator[Event]:
    refund = asked_back()
    note_refund(told(refund, port.RefundStatus.SUCCEEDED))
    yield partial(note_refund, told(refund, port.RefundStatus.FAILED))


def remitted(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    agent = agents.save_agent(code="A1", name="A1", credit_limit_fen=100_000, actor=CLERK)
    for channel, party in (("agent", "A1"), ("kiosk", "K1")):
        order = make_order(card=card, channel=channel, party=party)
        topup.receive_funds(order=order, actor=CLERK)
    words: dict[str, Any] = {"actor": CLERK, "occurred_at": NOON}
    yield partial(remittances.receive_agent_payment, agent=agent, amount_fen=3_000, key="a", **words)
    for counted_fen in (5_000, 5_007, 4_993):
        yield partial(remittances.empty_kiosk, kiosk="K1", counted_fen=counted_fen, key="k", **words)


def deposit_returned(stage: Stage) -> Iterator[Event]:
    for damage_fee_fen in (0, 300):
        card = anonymous_card(0, code=f"fee{damage_fee_fen}", damage_fee_fen=damage_fee_fen)
        incidents.record_damage(card=card, finding="bent", actor=CLERK, occurred_at=NOON)
        yield partial(cards.close_card, card=card, actor=CLERK, reason="handed in", occurred_at=NOON)
    refund = due(anonymous_card(700), chip=shown(700))
    yield partial(approve_refund, refund=refund, actor=OFFICER, occurred_at=LATER)


def refund_owed(stage: Stage) -> Iterator[Event]:
    card = named_card(4_000, fee_fen=150)
    pay_online(card, 2_000)
    yield partial(
        approve_refund, refund=due(card, payee="acct_1"), actor=OFFICER, occurred_at=LATER, interest_fen=37,
        interest_reason="late",
    )  # fmt: skip
    unused = anonymous_card(600, code="unused", no_reason_days=7)
    yield partial(approve_refund, refund=due(unused, chip=shown(600)), actor=OFFICER, occurred_at=LATER)
    rider = named_card(100, product={"code": "rider", "overdraft_fen": 500})
    tapped(stage, rider, 400)
    yield partial(approve_refund, refund=due(rider, payee="acct_1"), actor=OFFICER, occurred_at=LATER)


def refund_part_paid(stage: Stage) -> Iterator[Event]:
    refund = approved(anonymous_card(700), chip=shown(700))
    yield partial(pay_refund_in_cash, refund=refund, actor=CLERK, occurred_at=LATER)
    part = RefundPart.objects.get(refund=approved(named_card(900), payee="acct_1"))
    yield partial(confirm_bank_payout, part=part, actor="bank", reference="B", occurred_at=LATER)


def subsidy_paid(stage: Stage) -> Iterator[Event]:
    chip_only, online = plain_card(account_limit_fen=0, code="chip"), plain_card()
    subsidies.open_subsidy_payer(code="MZJ", name="民政局", actor=CLERK)
    content = subsidy_file([(chip_only.pan, "100.00"), (online.pan, "20.50")])
    batch = subsidies.upload_subsidy_file(content=content, maker="maker")
    yield partial(subsidies.approve_subsidy_batch, batch=batch, checker="checker", occurred_at=NOON)


def subsidy_funded(stage: Stage) -> Iterator[Event]:
    payer = subsidies.open_subsidy_payer(code="MZJ", name="民政局", actor=CLERK)
    yield partial(
        subsidies.receive_subsidy_funds,
        payer=payer,
        amount_fen=700,
        reference="R",
        actor=CLERK,
        occurred_at=NOON,
    )


def fares_given_back(stage: Stage) -> Iterator[Event]:
    riding = Riding.found(stage.keys)
    rider = riding.card()
    riding.tap("bus1", rider, NOON)
    riding.tap("bus2", rider, NOON + timedelta(minutes=30))
    riding.metro(rider, "0101", "0103", NOON + timedelta(minutes=40), 300)
    riding.upload()
    yield partial(price_day, day=TODAY)


def fares_subsidised(stage: Stage) -> Iterator[Event]:
    riding = Riding.found(stage.keys)
    rider = riding.card()
    grant_concession(
        card=rider, category="student", valid_from=TODAY, proof="list", legal_basis="rule", checked_by=CLERK
    )
    riding.tap("bus1", rider, NOON, 100)
    riding.upload()
    yield partial(price_day, day=TODAY)


def payment_made(stage: Stage) -> Iterator[Event]:
    """Document and posting are written in one call: a payer who asks twice finds out what was written for them."""
    card = wallet()
    yield lambda: [payment(card, "p1") for _ in range(2)]
    hold = holds.reserve(
        purse=account_purse(card), payee=shop(), amount_fen=900, key="h", channel="bike",
        expires_at=LATER, reason="bike", actor="bike", occurred_at=NOON,
    )  # fmt: skip
    take = partial(holds.capture, hold=hold, amount_fen=500, key="c", actor="bike", occurred_at=NOON)
    yield lambda: [take() for _ in range(2)]


def payment_refunded(stage: Stage) -> Iterator[Event]:
    made = payment(wallet(), "p1")
    yield partial(
        refund_payment, payment=made, amount_fen=300, key="r", actor="shop", reason="back", occurred_at=NOON
    )


def pass_sold(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    publish_passes()
    yield partial(sell, card, "ten")


def pass_used(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    publish_passes()
    sell(card, "ten")
    bus = open_account(chart=Chart.MERCHANT_PAYABLE, owner="bus")
    yield partial(
        passes.use_pass, card=card, channel="bus", payee=bus, fare_fen=200, key="u", occurred_at=NOON
    )


def passes_lapsed(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    publish_passes()
    for code in ("ten", "days", "kept"):
        sell(card, code)
    yield partial(pass_lapses.expire_passes, TODAY + timedelta(days=40))


def pass_refunded(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    publish_passes()
    for code in ("ten", "days"):
        sold = sell(card, code)
        quote = pass_refunds.quote_pass_refund(sold, on=TODAY)
        yield partial(
            pass_refunds.refund_pass, card_pass=sold, quoted_fen=quote.payable_fen, actor=CLERK, reason="",
            occurred_at=NOON,
        )  # fmt: skip


def merchant_cleared(stage: Stage) -> Iterator[Event]:
    make_merchant(fee_basis_points=50)
    tapped(stage, filled_card(), 3_000)
    yield partial(clear_day, day=TODAY)
    made = payment(wallet(), "p1")
    clear_day(day=TODAY)
    refund_payment(payment=made, amount_fen=700, key="r", actor="shop", reason="back", occurred_at=NOON)
    yield partial(clear_day, day=TODAY + timedelta(days=1))


def settlement_shared(stage: Stage) -> Iterator[Event]:
    tapped(stage, filled_card(), 3_000)
    tapped_merchant, taker = Merchant.objects.get(), make_merchant("TAXI", "taxi")
    parts = [{"merchant": taker.code, "weight": 4_000}, {"merchant": tapped_merchant.code, "weight": 6_000}]
    agreed = contract("C", tapped_merchant.code, valid_from="2026-01-01", split="net", shares=parts)
    found_rule(kind="contract", content=agreed)
    yield partial(clear_day, day=TODAY)


def adjusted(stage: Stage) -> Iterator[Event]:
    found_rule(kind="adjustments", content=ADJUSTMENTS)
    for amount_fen in (700, -300):
        asked = propose_adjustment(
            merchant=make_merchant(),
            amount_fen=amount_fen,
            against="2241",
            reason="system",
            evidence="d-1",
            maker="finance",
        )
        yield partial(check_adjustment, adjustment=asked, checker="boss", roles=["supervisor"])


def purchase_accepted(stage: Stage) -> Iterator[Event]:
    yield upload(stage, filled_card(), 300)


def purchase_held(stage: Stage) -> Iterator[Event]:
    card = filled_card()
    report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON - timedelta(hours=1))
    yield upload(stage, card, 300)


def purchase_claimed(stage: Stage) -> Iterator[Event]:
    yield upload(stage, filled_card(), 9_000)


def purchase_conflicting(stage: Stage) -> Iterator[Event]:
    card = filled_card()
    terminal = Field.install(stage.keys)
    first, second = terminal.tap(card, 1, 300), terminal.tap(card, 1, 400)
    accept_batch(terminal=terminal.terminal, body=build_batch("B1", [first]))
    yield partial(accept_batch, terminal=terminal.terminal, body=build_batch("B2", [second]))


def held_purchase_paid(stage: Stage) -> Iterator[Event]:
    yield decided(stage, published=NOON - timedelta(minutes=50), minutes_later=-1)


def held_purchase_returned(stage: Stage) -> Iterator[Event]:
    yield decided(stage, published=NOON - timedelta(minutes=50), minutes_later=1)


def loss_borne(stage: Stage) -> Iterator[Event]:
    yield decided(stage, published=NOON - timedelta(minutes=5), minutes_later=1)


def grey_settled(stage: Stage) -> Iterator[Event]:
    card, terminal = filled_card(), Field.install(stage.keys)
    lost, logged = terminal.tap(card, 1, 300), GreyRecord(terminal.tap(card, 2, 400), "logged")
    accept_batch(terminal=terminal.terminal, body=build_batch("B1", [lost]))
    accept_greys(terminal=terminal.terminal, body=build_greys([logged]))
    yield settle_greys


def ride_paid(stage: Stage) -> Iterator[Event]:
    yield ridden(stage, 300)


def claim_collected(stage: Stage) -> Iterator[Event]:
    card = plain_card()
    chip, order = Chip(stage.keys, card), topup.receive_cash(order=make_order(card=card), actor=CLERK)
    tac = chip.credit(
        order.amount_fen, topup.authorise_load(order=order, when=NOON, **chip.initialise(order.amount_fen))
    )
    tapped(stage, card, 300)
    topup.confirm_load(order=order, tac=tac, balance_after_fen=chip.balance_fen)
    yield collect_claims


def claim_written_off(stage: Stage) -> Iterator[Event]:
    tapped(stage, plain_card(), 300)
    claim = WaitingPurchase.objects.get()
    proposal = propose_write_off(claim_id=claim.subject_id, actor=CLERK, reason="nobody will pay it")
    yield partial(approve_proposal, proposal=proposal, actor=OFFICER)


def ride_claimed(stage: Stage) -> Iterator[Event]:
    yield ridden(stage, 300, spent_fen=4_900)


def card_replaced(stage: Stage) -> Iterator[Event]:
    card = anonymous_card(2_000)
    mark_lost(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
    replacement = replace_card(card=card, cause="lost", actor=CLERK, occurred_at=NOON)
    mark_personalised(card=replacement.new, actor=CLERK)
    issue_card(card=replacement.new, actor=CLERK, occurred_at=NOON)
    yield lambda: move_money(replacement=replacement, actor=CLERK, occurred_at=LATER)


SCENES: dict[str, Callable[[Stage], Iterator[Event]]] = {
    scene.__name__: scene
    for scene in (
        card_sold, card_replaced, topup_paid, topup_loaded, topup_reversed, gateway_refund_paid, gateway_refund_returned, remitted,
        deposit_returned, refund_owed, refund_part_paid, subsidy_paid, subsidy_funded, fares_given_back, fares_subsidised, payment_made,
        payment_refunded, pass_sold, pass_used, passes_lapsed, pass_refunded, merchant_cleared, settlement_shared, adjusted, purchase_accepted,
        purchase_held, purchase_claimed, purchase_conflicting, held_purchase_paid, held_purchase_returned, loss_borne,
        claim_collected, claim_written_off, grey_settled, ride_paid, ride_claimed, *bank_scenes.SCENES,
        *dispute_scenes.SCENES, *drawer_scenes.SCENES,
    )
}  # fmt: skip
"""By the name of the template."""


# What scenes have in common.


def plain_card(**terms: Any) -> Card:
    """An active card that cost nothing, with an account purse."""
    usual: dict[str, Any] = {"code": "plain", "price_fen": 0, "deposit_fen": 0, "account_limit_fen": 50_000}
    return make_card(product=make_product(**usual | terms))


def filled_card() -> Card:
    card = plain_card()
    fill_purse(card, 5_000)
    return card


def wallet() -> Card:
    """A card with 50 yuan in its account purse."""
    card = plain_card()
    topup.receive_cash(order=make_order(card=card, purse_kind="account"), actor=CLERK)
    return card


def shop() -> int:
    return make_merchant("SHOP", "shop").payable_id


def payment(card: Card, key: str) -> Payment:
    return pay(
        purse=account_purse(card),
        payee=shop(),
        amount_fen=700,
        key=key,
        channel="qr",
        actor="shop",
        occurred_at=NOON,
    )


def paid_online(card: Card) -> TopUpOrder:
    """An order for the chip, paid through the gateway."""
    order = make_order(card=card, channel="gateway")
    return pay_online(card, order.amount_fen, order=order)


def asked_back() -> GatewayRefund:
    topup.reverse_topup(order=paid_online(plain_card()), actor=CLERK, reason="")
    return GatewayRefund.objects.select_related("order").latest("pk")


def told(refund: GatewayRefund, status: port.RefundStatus) -> port.GatewayRefund:
    """What the gateway says of a refund."""
    return port.GatewayRefund(
        f"re_{refund.pk}", refund.order.gateway_id or "", refund.amount_fen, "cny", status, refund.key, NOON
    )


def upload(stage: Stage, card: Card, amount_fen: int) -> Event:
    terminal = Field.install(stage.keys)
    body = build_batch("B1", [terminal.tap(card, 1, amount_fen)])
    return partial(accept_batch, terminal=terminal.terminal, body=body)


def ridden(stage: Stage, amount_fen: int, spent_fen: int = 0) -> Event:
    """A ride by code from a purse of 50 yuan, of which so much was spent before the terminal reported it."""
    card, terminal = wallet(), Field.install(stage.keys)
    code = issue_ride_code(card=card, now=NOON)
    if spent_fen:
        pay(
            purse=account_purse(card), payee=shop(), amount_fen=spent_fen, key="s", channel="qr", actor="shop",
            occurred_at=NOON,
        )  # fmt: skip
    body = build_rides([RideRecord(code.text, amount_fen, NOON)])
    return partial(accept_rides, terminal=terminal.terminal, body=body)


def decided(stage: Stage, *, published: datetime, minutes_later: int) -> Event:
    """A card reported lost an hour before noon, with a promise of 30 minutes and 10 to fetch the list; a tap around the
    promise, or around noon, and one so far beyond the balance that it is a claim.
    """
    publish_hot_list_policy(
        valid_from=date(2026, 1, 1), promise_minutes=30, grace_minutes=10, legal_basis="test", actor=CLERK
    )
    card, terminal = filled_card(), Field.install(stage.keys)
    reported = NOON - timedelta(hours=1)
    report_loss(card=card, actor=CLERK, reason="lost", occurred_at=reported)
    publish_hot_list(now=published)
    when = reported + timedelta(minutes=30 + minutes_later)
    taps = [terminal.tap(card, atc, fen, occurred_at=when) for atc, fen in ((1, 300), (2, 9_000))]
    accept_batch(terminal=terminal.terminal, body=build_batch("B1", taps))
    return settle_hot_listed


def tapped(stage: Stage, card: Card, amount_fen: int) -> None:
    upload(stage, card, amount_fen)()


def publish_passes() -> None:
    """Ten rides whose rest is the operator's, a week, and ten rides whose rest is ours; all with a fee."""
    for code, rides, unused in (("ten", 10, "operator"), ("days", None, "operator"), ("kept", 10, "income")):
        passes.publish_pass_product(
            code=code, name=code, kind="times" if rides else "annual", price_fen=1_005, rides=rides, validity_days=9,
            channels=["bus"], operator="bus", operator_name="bus", refund="pro_rata", refund_fee_fen=100,
            unused=unused, legal_basis="test", valid_from=date(2026, 1, 1), actor="finance",
        )  # fmt: skip


def sell(card: Card, code: str) -> Pass:
    return passes.sell_pass(
        card=card,
        code=code,
        starts_on=TODAY,
        paid_by="cash",
        number=f"{card.pk}-{code}",
        actor=CLERK,
        occurred_at=NOON,
    )
