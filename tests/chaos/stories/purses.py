"""The account purse online: reserved and captured in two parts; paid and partly given back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from accounts.models import Hold, Payment, Purse, Transfer
from accounts.services import holds
from accounts.services.ledger import open_account
from accounts.services.payments import pay, refund_payment
from tests.accounts.purses.filling import fill
from tests.chaos.gateway import Gateway
from tests.chaos.stories.story import Story, differences, purse_fen
from tests.chaos.stories.topups import online_purse

FILLING_FEN, PART_FEN, REST_FEN, BACK_FEN = 1_000, 300, 200, 100
_keys = itertools.count(1)


@dataclass(frozen=True)
class Ride:
    """Somebody hires a bicycle, under a key of the operator's."""

    purse: Purse
    key: str


def ride(gateway: Gateway) -> Ride:
    purse = online_purse()
    fill(purse, FILLING_FEN)
    return Ride(purse, f"ride-{next(_keys)}")


def reserve_and_capture(gateway: Gateway, ride: Ride) -> None:
    hold = holds.reserve(
        purse=ride.purse,
        payee=_operator(),
        amount_fen=PART_FEN + REST_FEN + BACK_FEN,
        key=ride.key,
        channel="bike",
        expires_at=timezone.now() + timedelta(hours=1),
        reason="bike",
        actor="bike",
        occurred_at=timezone.now(),
    )
    for amount_fen, final in ((PART_FEN, False), (REST_FEN, True)):
        holds.capture(
            hold=hold,
            amount_fen=amount_fen,
            key=f"{ride.key}-{amount_fen}",
            actor="bike",
            occurred_at=timezone.now(),
            final=final,
        )


def captured(gateway: Gateway, ride: Ride) -> list[str]:
    """Both parts paid once, the rest free again."""
    purse = Purse.objects.get(pk=ride.purse.pk)
    return differences(
        purse=(purse.balance_fen, FILLING_FEN - PART_FEN - REST_FEN),
        held=(purse.held_fen, 0),
        holds=(list(Hold.objects.filter(purse=purse).values_list("state", flat=True)), ["captured"]),
        payments=(sorted(_paid(purse)), [REST_FEN, PART_FEN]),
    )


def let_expire(gateway: Gateway, ride: Ride) -> None:
    """The operator never comes back: the task alone."""
    holds.expire_holds(now=timezone.now() + timedelta(hours=2))


def free_again(gateway: Gateway, ride: Ride) -> list[str]:
    """What was captured is paid, and nothing stays reserved."""
    purse = Purse.objects.get(pk=ride.purse.pk)
    return differences(purse=(purse.balance_fen, FILLING_FEN - sum(_paid(purse))), held=(purse.held_fen, 0))


def pay_and_take_back(gateway: Gateway, ride: Ride) -> None:
    now = timezone.now()
    payment = pay(
        purse=ride.purse,
        payee=_operator(),
        amount_fen=PART_FEN,
        key=ride.key,
        channel="qr",
        actor="bike",
        occurred_at=now,
    )
    refund_payment(
        payment=payment, amount_fen=BACK_FEN, key=ride.key, actor="bike", reason="flat tyre", occurred_at=now
    )


def given_back(gateway: Gateway, ride: Ride) -> list[str]:
    """Paid once, given back once."""
    refunds = Transfer.objects.filter(kind=Transfer.Kind.PAYMENT_REFUNDED, credit_id=ride.purse.account_id)
    return differences(
        purse=(purse_fen(ride.purse), FILLING_FEN - PART_FEN + BACK_FEN),
        payments=(_paid(ride.purse), [PART_FEN]),
        refunds=(list(refunds.values_list("amount_fen", flat=True)), [BACK_FEN]),
    )


def _operator() -> int:
    return open_account(chart="2202", owner="bike").pk


def _paid(purse: Purse) -> list[int]:
    return list(Payment.objects.filter(purse=purse).values_list("amount_fen", flat=True))


STORIES = (
    Story("hold and two captures, tried again", ride, reserve_and_capture, reserve_and_capture, captured),
    Story("hold and two captures, left alone", ride, reserve_and_capture, let_expire, free_again),
    Story(
        "payment and refund of a part, tried again", ride, pay_and_take_back, pay_and_take_back, given_back
    ),
)
