"""Account purses with money and merchants to pay, for measuring the ledger without chips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.utils import timezone

from accounts.models import Card, CardProduct, Chart, Journal, LedgerAccount, Purse, Transfer
from accounts.services.ledger import Leg, open_account, post_journal
from citizencard.core.calendar import open_business_day

FUNDS_FEN: Final = 10**8
_AMOUNTS: Final = 50
_SPREAD: Final = 7919
"""A prime: consecutive numbers fall on purses far from each other."""
SOURCES: Final = 10**12
"""Far above the payments that have rows, whose numbers would be sources as well."""
_FUNDED_AT_ONCE: Final = 5_000


@dataclass(frozen=True)
class World:
    """Who pays and who is paid; the latter by account id."""

    purses: Sequence[Purse]
    merchants: Sequence[int]

    def purse(self, number: int) -> Purse:
        """The purse of payment `number`."""
        return self.purses[number * _SPREAD % len(self.purses)]

    def leg(self, number: int, *, merchants: int | None = None) -> Leg:
        """Payment `number`, to one of the first `merchants`: purse and merchant as acceptance would give them, by id."""
        payee = self.merchants[number % (merchants or len(self.merchants))]
        kind, now = Transfer.Kind.PAYMENT, timezone.now()
        return Leg(self.purse(number).account_id, payee, amount_fen(number), kind, SOURCES + number, now)


def post(*legs: Leg) -> Journal:
    """One journal of these payments, keyed by the first."""
    key = f"bench:{legs[0].source_id}"
    return post_journal(key=key, kind="bench", actor="bench", source="bench", legs=legs)


def amount_fen(number: int) -> int:
    """What payment `number` is about."""
    return 1 + number % _AMOUNTS


def found_world(day: date, *, purses: int, merchants: int) -> None:
    """Open `day`; purses of anonymous cards with FUNDS_FEN each, and accounts of merchants."""
    open_business_day(day)
    product = CardProduct.objects.create(
        code="bench",
        name="bench",
        real_name=False,
        kind_code=1,
        balance_limit_fen=1,
        account_limit_fen=10 * FUNDS_FEN,
        price_fen=0,
        deposit_fen=0,
        validity_years=10,
    )
    pans = [f"31043970{90_000_000_000 + number}" for number in range(purses)]
    until = day + timedelta(days=3650)
    cards = Card.objects.bulk_create(
        Card(
            pan=pan,
            product=product,
            state=Card.State.ACTIVE,
            key_version=1,
            valid_from=day,
            valid_to=until,
        )
        for pan in pans
    )
    control = open_account(chart=Chart.PURSE_ACCOUNT)
    accounts = LedgerAccount.objects.bulk_create(_account(Chart.PURSE_ACCOUNT, pan, control) for pan in pans)
    Purse.objects.bulk_create(
        Purse(card=card, kind=Purse.Kind.ACCOUNT, account=account, ceiling_fen=product.account_limit_fen)
        for card, account in zip(cards, accounts, strict=True)
    )
    LedgerAccount.objects.bulk_create(
        _account(Chart.MERCHANT_PAYABLE, f"M{number:05}") for number in range(merchants)
    )
    _fund([account.pk for account in accounts])


def read_world() -> World:
    """The world of the database that Django is connected to."""
    return World(
        list(Purse.objects.select_related("card__product").order_by("account_id")),
        list(
            LedgerAccount.objects.filter(chart=Chart.MERCHANT_PAYABLE)
            .order_by("pk")
            .values_list("pk", flat=True)
        ),
    )


def _account(chart: Chart, owner: str, control: LedgerAccount | None = None) -> LedgerAccount:
    code = f"{chart.value}.{owner}"
    return LedgerAccount(code=code, chart=chart.value, side=chart.normal_side, name="", control=control)


def _fund(accounts: Sequence[int]) -> None:
    bank, now = open_account(chart=Chart.RESERVE_BANK).pk, timezone.now()
    for first in range(0, len(accounts), _FUNDED_AT_ONCE):
        part = accounts[first : first + _FUNDED_AT_ONCE]
        legs = [Leg(bank, account, FUNDS_FEN, Transfer.Kind.FUNDS_RECEIVED, account, now) for account in part]
        post_journal(key=f"funds:{first}", kind="funds", actor="bench", source="bench", legs=legs)
