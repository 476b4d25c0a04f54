"""A card given back: approved, the online money back through the gateway, the rest in cash."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

from django.utils import timezone

from accounts import tasks
from accounts.models import CardProduct, Refund, RefundPart
from accounts.selectors.chip_evidence import ChipReading
from accounts.services.gateway_refunds import send_gateway_refunds
from accounts.services.refund_payout import pay_refund_in_cash
from accounts.services.refund_waiting import advance_refund
from accounts.services.refunds import approve_refund, request_refund
from tests.accounts.refunds.stories import publish
from tests.chaos.gateway import Gateway
from tests.chaos.stories import topups
from tests.chaos.stories.story import Story, differences, purse_fen
from tests.factories import CLERK, fill_purse, make_card, make_citizen, make_product

CHIP_FEN = 5_000
OFFICER = "officer"


@cache
def _product(folder: Path) -> CardProduct:
    """Products and policies are published once in a world."""
    product = make_product(
        code="chaos-named", real_name=True, price_fen=0, deposit_fen=1_000, account_limit_fen=100_000
    )
    publish(product)
    return product


def due(gateway: Gateway) -> Refund:
    """A card with deposit, money on the chip and an online top-up, whose waiting is over."""
    card = make_card(product=_product(gateway.folder), citizen=make_citizen())
    fill_purse(card, CHIP_FEN)
    topups.pay(gateway, topups.Wish(card.purses.get(kind="account"), f"refund-{card.pan}"))
    now = timezone.now()
    shown = ChipReading(CHIP_FEN, 0, now)
    refund = request_refund(card=card, actor=CLERK, reason="moving away", occurred_at=now, chip=shown)
    return advance_refund(refund=refund, now=now + timedelta(days=30))


def approve(gateway: Gateway, refund: Refund) -> None:
    """The officer agrees, unless the page shows that this has been done."""
    current = Refund.objects.get(pk=refund.pk)
    if current.state == Refund.State.DUE:
        approve_refund(refund=current, actor=OFFICER, occurred_at=timezone.now())


def approved(gateway: Gateway) -> Refund:
    refund = due(gateway)
    approve(gateway, refund)
    return refund


def pay_out(gateway: Gateway, refund: Refund) -> None:
    """The tasks send and follow, the gateway calls back, the counter pays the rest."""
    tasks.send_gateway_refunds()
    gateway.call_back(*_at_gateway(gateway, refund))
    tasks.advance_refunds()
    pay_refund_in_cash(refund=refund, actor=CLERK, occurred_at=timezone.now())


def go_on(gateway: Gateway, refund: Refund) -> None:
    """The officer looks again; the same again, a while later."""
    approve(gateway, refund)
    send_gateway_refunds(now=timezone.now() + timedelta(minutes=2))
    pay_out(gateway, refund)


def paid_out(gateway: Gateway, refund: Refund) -> list[str]:
    """Every payee has been paid once, and the purses are empty."""
    parts = RefundPart.objects.filter(refund=refund).order_by("method")
    at_gateway = [(r["amount"], r["status"]) for r in _at_gateway(gateway, refund)]
    return differences(
        state=(Refund.objects.get(pk=refund.pk).state, Refund.State.PAID),
        parts=(
            list(parts.values_list("method", "amount_fen", "state")),
            [("cash", CHIP_FEN + 1_000, "paid"), ("gateway", topups.AMOUNT_FEN, "paid")],
        ),
        gateway=(at_gateway, [(topups.AMOUNT_FEN, "succeeded")]),
        purses=([purse_fen(purse) for purse in refund.card.purses.all()], [0, 0]),
    )


def _at_gateway(gateway: Gateway, refund: Refund) -> list[dict[str, object]]:
    keys = RefundPart.objects.filter(refund=refund).values_list("key", flat=True)
    return [thing for key in keys for thing in gateway.of("refund", key)]


STORIES = (
    Story("refund approved", due, approve, go_on, paid_out),
    Story("refund paid out", approved, pay_out, go_on, paid_out),
)
