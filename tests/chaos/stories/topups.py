"""A top-up through the gateway: ordered, begun at the gateway, paid, called back, credited or loaded onto the chip."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils import timezone

from accounts import tasks
from accounts.models import Card, Purse, TopUpOrder, Transfer
from accounts.services import topup
from accounts.services.repair import EXPIRES_AFTER, repair_topups
from citizencard.core.keyservice.keystore import load_demo_keys
from terminals.readers.memory import MemoryTransport
from terminals.services.counter import write_back
from terminals.simulator.chip import Chip
from tests.chaos.gateway import Gateway
from tests.chaos.steps import CHIP, step
from tests.chaos.stories.story import Story, differences, purse_fen
from tests.factories import make_card, make_product
from tests.fixtures_core import DEMO_KEYS
from tests.terminals.chips import COUNTER_NO, PIN, issued_card

AMOUNT_FEN = 100
State = TopUpOrder.State
_keys = itertools.count(1)


@dataclass(frozen=True)
class Wish:
    """Somebody wants a purse topped up; the portal's request has a key."""

    purse: Purse
    key: str
    held_fen: int = 0
    chip: Path | None = None

    def order(self) -> TopUpOrder | None:
        return TopUpOrder.objects.filter(request_key=self.key).first()


class Reader(MemoryTransport):
    """A reader that counts every APDU as a step."""

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        return step(CHIP, lambda: super(Reader, self).transmit(apdu))


def online_purse() -> Purse:
    """An account purse of a new card that cost nothing."""
    product = make_product(code="online", price_fen=0, deposit_fen=0, account_limit_fen=100_000)
    return Purse.objects.get(card=make_card(product=product), kind="account")


def wish(gateway: Gateway) -> Wish:
    return Wish(online_purse(), f"wish-{next(_keys)}")


def pay(gateway: Gateway, wish: Wish) -> TopUpOrder:
    """Order, go to the gateway, pay there; the gateway calls back."""
    order = topup.order_topup(
        card=wish.purse.card,
        amount_fen=AMOUNT_FEN,
        channel="gateway",
        purse_kind=wish.purse.kind,
        actor="portal",
        occurred_at=timezone.now(),
        request_key=wish.key,
    )
    if order.state == State.INIT:
        topup.start_gateway_payment(order=order)
    for payment in gateway.of("payment_intent", order.number):
        gateway.pay(payment["id"])
    gateway.call_back(*gateway.of("payment_intent", order.number))
    return order


def top_up(gateway: Gateway, wish: Wish) -> None:
    pay(gateway, wish)


def try_again(gateway: Gateway, wish: Wish) -> None:
    """The payer sends the same request again, and the tasks run."""
    pay(gateway, wish)
    tasks.repair_topups()


def leave_it(gateway: Gateway, wish: Wish) -> None:
    """The payer has gone, and no call-back arrives: the tasks alone."""
    repair_topups(now=timezone.now() + EXPIRES_AFTER)


def topped_up(gateway: Gateway, wish: Wish) -> list[str]:
    """Paid once, credited once."""
    order = wish.order()
    return differences(
        state=(order and order.state, State.CONFIRMED),
        purse=(purse_fen(wish.purse), wish.held_fen + AMOUNT_FEN),
        received=(_received_fen(gateway, order), AMOUNT_FEN),
        transfers=(order and Transfer.objects.filter(source_id=order.pk, kind__in=_KINDS).count(), 2),
    )


def settled(gateway: Gateway, wish: Wish) -> list[str]:
    """What the payer gave is in the purse, all or nothing, and nothing is left open."""
    order = wish.order()
    received_fen = _received_fen(gateway, order)
    return differences(
        purse=(purse_fen(wish.purse), received_fen),
        state=(order and order.state, order and (State.CONFIRMED if received_fen else State.REVERSED)),
        payable=(
            [p["id"] for p in _payments(gateway, order) if p["status"] not in ("succeeded", "canceled")],
            [],
        ),
    )


_KINDS = (Transfer.Kind.TOP_UP_PAID, Transfer.Kind.TOP_UP_LOADED)


def _payments(gateway: Gateway, order: TopUpOrder | None) -> list[dict[str, object]]:
    return gateway.of("payment_intent", order.number) if order else []


def _received_fen(gateway: Gateway, order: TopUpOrder | None) -> int:
    paid = [p for p in _payments(gateway, order) if p["status"] == "succeeded"]
    return sum(int(str(p["amount"])) for p in paid)


@cache
def _card_in(folder: Path) -> Card:
    """One card for all wishes of a world: personalising a chip takes longer than loading it."""
    keys = load_demo_keys(DEMO_KEYS, environment="test")
    card, _chip = issued_card(keys, folder=folder, code="chaos-chip", price_fen=0, deposit_fen=0)
    return card


def chip_wish(gateway: Gateway) -> Wish:
    card = _card_in(gateway.folder)
    purse = Purse.objects.select_related("card").get(card=card, kind="chip")
    return Wish(purse, f"wish-{next(_keys)}", purse.balance_fen, gateway.folder)


def load(gateway: Gateway, wish: Wish) -> None:
    """Paid online, then the card comes to a reader."""
    pay(gateway, wish)
    at_the_reader(wish)


def come_again(gateway: Gateway, wish: Wish) -> None:
    """The payer asks again, the tasks run, and the card comes to a reader once more."""
    try_again(gateway, wish)
    at_the_reader(wish)


def at_the_reader(wish: Wish) -> None:
    """The card's own memory is all that is left of earlier visits."""
    assert wish.chip is not None
    write_back(transport=Reader(Chip.open(wish.chip)), terminal_no=COUNTER_NO, when=timezone.now(), pin=PIN)


def loaded(gateway: Gateway, wish: Wish) -> list[str]:
    """As any top-up, and the chip holds what the books say."""
    assert wish.chip is not None
    on_chip_fen = Chip.open(wish.chip).state.balance_fen
    return topped_up(gateway, wish) + differences(chip=(on_chip_fen, purse_fen(wish.purse)))


STORIES = (
    Story("top-up of the account purse, tried again", wish, top_up, try_again, topped_up),
    Story("top-up of the account purse, left alone", wish, top_up, leave_it, settled),
    Story("top-up of the chip", chip_wish, load, come_again, loaded),
)
