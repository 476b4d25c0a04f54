"""Two citizens with cards that have an online account, the rules of the city, and a payment gateway without a socket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from django.test import Client
from django.utils import timezone

from accounts.models import Card, CardProduct, Citizen, Purse, TopUpOrder
from accounts.services.citizens import create_login
from accounts.services.limits import publish_limit
from accounts.services.passes import publish_pass_product
from accounts.services.refund_policies import publish_refund_policy
from accounts.services.repair import repair_topups
from accounts.services.topup import order_topup, receive_funds
from tests.citizencard.city import PASSWORD
from tests.citizencard.sandbox.wsgi import Sandbox
from tests.factories import CLERK, make_card, make_citizen, make_product

FROM = date(2026, 1, 1)
BASIS = "充值须知第3条"


@dataclass(frozen=True)
class Resident:
    """A citizen with a card and a browser of their own."""

    citizen: Citizen
    card: Card
    client: Client

    def balance_fen(self, kind: str = Purse.Kind.ACCOUNT) -> int:
        """What the books say now."""
        return Purse.objects.get(card=self.card, kind=kind).balance_fen

    def page(self, path: str) -> str:
        """A page of the portal; `{}` is the card's id."""
        answer = self.client.get(path.format(self.card.pk))
        assert answer.status_code == 200
        return answer.content.decode()

    def key(self, path: str) -> str:
        """The hidden request key of the page's form."""
        found = re.search(r'name="request_key" value="([^"]+)"', self.page(path))
        assert found is not None
        return found[1]

    def give_money(self, amount_fen: int, kind: str = Purse.Kind.ACCOUNT) -> TopUpOrder:
        """Paid in at a kiosk."""
        order = order_topup(
            card=self.card,
            amount_fen=amount_fen,
            channel=TopUpOrder.Channel.KIOSK,
            party="kiosk",
            actor=CLERK,
            occurred_at=timezone.now(),
            purse_kind=kind,
        )
        return receive_funds(order=order, actor=CLERK)


def resident(name: str, product: CardProduct) -> Resident:
    """A citizen with an active card, signed in."""
    citizen = make_citizen(name=name)
    user = create_login(citizen=citizen, password=PASSWORD)
    client = Client()
    client.force_login(user)
    return Resident(citizen, make_card(product=product, citizen=citizen), client)


def publish_rules() -> CardProduct:
    """At most 1,000 yuan at once, fifty rides for 90 yuan, refunds after a week; the product they are for."""
    product = make_product(real_name=True, account_limit_fen=500_000)
    publish_limit(
        code="topup-single",
        measure="single",
        operation="top_up",
        limit_fen=100_000,
        valid_from=FROM,
        legal_basis=BASIS,
        actor=CLERK,
    )
    publish_refund_policy(
        product=product,
        valid_from=FROM,
        legal_basis="章程第8条",
        redeemable=True,
        waiting_days=7,
        sla_days=7,
        actor=CLERK,
    )
    for code, concession in (("bus-fifty", ""), ("student", "学生")):
        publish_pass_product(
            code=code,
            name={"bus-fifty": "公交五十次卡", "student": "学生月票"}[code],
            kind="times",
            price_fen=9_000,
            rides=50,
            validity_days=365,
            channels=["bus"],
            operator="bus",
            operator_name="公交",
            refund="pro_rata",
            unused="operator",
            concession=concession,
            legal_basis="票务章程",
            valid_from=FROM,
            actor=CLERK,
        )
    return product


def pay(gateway: Sandbox, order: TopUpOrder) -> None:
    """The payer pays on the gateway's page; the repair of the next minutes asks and books it."""
    order.refresh_from_db()
    gateway.page(f"/pay/{order.gateway_id}", do="pay", method="pm_alipay")
    repair_topups(now=timezone.now() + timedelta(minutes=5))
