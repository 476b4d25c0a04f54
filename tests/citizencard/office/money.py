"""A citizen with everything money can do here, and what waits for the office: one of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from unittest import mock

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import (
    Agent,
    Card,
    CardFlag,
    CardProduct,
    Citizen,
    Concession,
    GatewayEvent,
    GatewayRefund,
    Mandate,
    Refund,
    Remittance,
    SubsidyBatch,
    TopUpDifference,
    TopUpOrder,
    User,
)
from accounts.selectors.chip_evidence import ChipReading
from accounts.services import agents, family, limits, mandates, passes, payments, subsidies, topup
from accounts.services.concessions import grant_concession
from accounts.services.gateway_refunds import request_gateway_refund
from accounts.services.incidents import flag_tampered
from accounts.services.refund_waiting import advance_refund
from accounts.services.remittances import empty_kiosk, receive_agent_payment
from citizencard.core.calendar import open_business_day
from terminals.services.field import register_merchant
from terminals.services.refunds import request_card_refund
from tests.accounts.drawers.till import make_drawer
from tests.accounts.mandates.asking import ask_for_mandate
from tests.accounts.mandates.bank import Bank
from tests.accounts.refunds.stories import pay_online, publish, reserve
from tests.accounts.subsidies.files import subsidy_file
from tests.citizencard.city import PASSWORD, make_staff
from tests.factories import CLERK, NOON, fill_purse, make_card, make_citizen, make_order, make_product
from tests.fixtures_accounts import TODAY

SECOND = "finance2"
"""The other person of the finance department."""


@dataclass
class Money:
    """Who has what, and what waits."""

    citizen: Citizen
    card: Card
    mandate: Mandate
    due: Refund
    gateway_order: TopUpOrder
    gateway_refund: GatewayRefund
    difference: TopUpDifference
    batch: SubsidyBatch
    agent: Agent
    flag: CardFlag
    concession: Concession


def found_money() -> Money:
    """Play it through the services. Needs the key service."""
    open_business_day(TODAY)
    make_staff()
    for clerk in (CLERK, "finance"):
        make_drawer(clerk)
    second = User.objects.create_user(username=SECOND, password=PASSWORD, is_staff=True)
    second.groups.set(Group.objects.filter(name="finance"))
    product = make_product(real_name=True, deposit_fen=1_000, account_limit_fen=100_000)
    publish(product, legal_basis="支付机构预付卡业务管理办法第十五条")
    _publish_limits(product)
    citizen = make_citizen()
    card = make_card(product=product, citizen=citizen)
    fill_purse(card, 10_000)
    order = pay_online(card, 20_000)
    _spend(card)
    _family(citizen)
    refund = _gateway(order)
    return Money(
        citizen=citizen,
        card=card,
        mandate=_mandate(card),
        due=make_due(),
        gateway_order=order,
        gateway_refund=refund,
        difference=make_difference(order),
        batch=make_batch(card),
        agent=_agent(card),
        flag=_flag(),
        concession=grant_concession(
            card=card,
            category="student",
            valid_from=TODAY,
            proof="学籍名册",
            legal_basis="学生乘车优惠办法",
            checked_by=CLERK,
        ),
    )


def make_due(*, requested_by: str = "clerk", amount_fen: int = 6_600) -> Refund:
    """A refund of an anonymous card that waits for a second person."""
    product = make_product(deposit_fen=1_000)
    publish(product, legal_basis="单用途商业预付卡管理办法第二十三条")
    card = make_card(product=product)
    fill_purse(card, amount_fen)
    refund = request_card_refund(
        card=card,
        actor=requested_by,
        reason="离开本市",
        occurred_at=NOON,
        chip=ChipReading(amount_fen, 0, NOON),
    )
    return advance_refund(refund=refund, now=NOON + timedelta(days=30))


def make_difference(order: TopUpOrder) -> TopUpDifference:
    """As the match finds one: paid at the gateway, not booked."""
    today = timezone.localdate()
    return TopUpDifference.objects.create(
        kind=TopUpDifference.Kind.PAID_NOT_BOOKED,
        subject=f"pi_stray_{TopUpDifference.objects.count()}",
        order=order,
        ours_fen=0,
        theirs_fen=5_000,
        owner=TopUpDifference.Owner.FINANCE,
        first_seen=today - timedelta(days=3),
        last_seen=today,
    )


def make_batch(card: Card, *, number: str = "YL2026-03") -> SubsidyBatch:
    """A batch of one line, uploaded by `finance`."""
    subsidies.open_subsidy_payer(code="MZJ", name="市民政局", actor="root")
    content = subsidy_file([(card.pan, "100.00")], number=number)
    return subsidies.upload_subsidy_file(content=content, maker="finance")


def _publish_limits(product: CardProduct) -> None:
    for start, limit_fen in ((date(2026, 1, 1), 300_000), (date(2026, 7, 1), 500_000)):
        limits.publish_limit(
            code="topup-daily",
            measure="daily",
            operation="top_up",
            limit_fen=limit_fen,
            valid_from=start,
            legal_basis="非银行支付机构监督管理条例",
            actor="root",
            product=product,
        )


def _spend(card: Card) -> None:
    shop = register_merchant(code="SHOP", name="中山路便利店", channel="shop")
    payment = payments.pay(
        purse=card.purses.get(kind="account"),
        payee=shop.payable_id,
        amount_fen=1_250,
        key="pay-1",
        channel="shop",
        actor="shop",
        occurred_at=NOON,
        place="中山路 12 号",
    )
    payments.refund_payment(
        payment=payment, amount_fen=250, key="back-1", reason="退货", actor="shop", occurred_at=NOON
    )
    reserve(card, 3_000)
    passes.publish_pass_product(
        code="ten",
        name="十次卡",
        kind="times",
        price_fen=1_000,
        rides=10,
        validity_days=180,
        channels=["bus", "metro"],
        operator="bus",
        operator_name="公交集团",
        refund="pro_rata",
        unused="operator",
        legal_basis="票价方案〔2026〕1号",
        valid_from=date(2026, 1, 1),
        actor="finance",
    )
    passes.sell_pass(
        card=card, code="ten", starts_on=TODAY, paid_by="cash", number="P-1", actor=CLERK, occurred_at=NOON
    )


def _family(payer: Citizen) -> None:
    link = family.invite_member(
        payer=payer, member=make_citizen(name="林小雨"), actor="citizen", occurred_at=NOON
    )
    family.join_family(link=link, sees_balance=True, actor="citizen", occurred_at=NOON)


def _flag() -> CardFlag:
    """A chip that shows more than the books can explain."""
    card = make_card(product=make_product(code="plain"))
    evidence = {"chip_balance_fen": 99_900, "ledger_balance_fen": 0}
    return flag_tampered(card=card, evidence=evidence, actor=CLERK, occurred_at=NOON)


def _mandate(card: Card) -> Mandate:
    bank = Bank()
    mandate = ask_for_mandate(card.purses.get(kind="account"))
    with mock.patch("accounts.services.mandates.configured_gateway", return_value=bank):
        mandates.start_mandate(mandate=mandate)
        bank.agree(f"seti_{mandate.reference}")
        return mandates.confirm_mandate(mandate=mandate, now=NOON)


def _gateway(order: TopUpOrder) -> GatewayRefund:
    GatewayEvent.objects.create(
        event_id="evt_1",
        kind="payment_intent.succeeded",
        object_id=order.gateway_id or "",
        digest=bytes(32),
        outcome=GatewayEvent.Outcome.MISMATCH,
        fault="amount",
        reference=order.number,
        amount_fen=20_001,
        currency="cny",
    )
    return request_gateway_refund(
        order=order, amount_fen=500, key="refund-1", cause=GatewayRefund.Cause.REFUND, actor="clerk"
    )


def _agent(card: Card) -> Agent:
    agent = agents.save_agent(code="corner", name="街角便利店", credit_limit_fen=10_000, actor="root")
    order = make_order(card=card, channel="agent", party="corner", amount_fen=9_500)
    topup.receive_funds(order=order, actor="corner")
    receive_agent_payment(agent=agent, amount_fen=1_000, key="bank-1", actor="finance", occurred_at=NOON)
    empty_kiosk(kiosk="K1", counted_fen=100, key="box-1", actor="finance", occurred_at=NOON)
    assert Remittance.objects.count() == 2
    return agent
