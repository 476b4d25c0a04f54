"""Posting with django-hordak as its documentation says: `transfer_to` in `atomic()`, and at its best, `bulk_create`."""

from __future__ import annotations

from django.core.management import call_command
from django.db import transaction
from django.db.models import Sum
from hordak.models import Account, AccountType, Leg, Transaction
from moneyed import Money

ACCOUNTS = 1_000
AMOUNT = Money("0.05", "CNY")
accounts: list[Account] = []


def prepare() -> None:
    call_command("migrate", verbosity=0)
    for number in range(ACCOUNTS):
        name = f"purse {number}"
        accounts.append(
            Account.objects.create(
                name=name, code=str(number), type=AccountType.liability, currencies=["CNY"]
            )
        )


def post(number: int) -> None:
    with transaction.atomic():
        accounts[number % ACCOUNTS].transfer_to(accounts[(number + 1) % ACCOUNTS], AMOUNT)


def post_many(first: int, size: int) -> None:
    with transaction.atomic():
        made = Transaction.objects.bulk_create([Transaction() for _ in range(size)])
        legs = []
        for at, one in enumerate(made, first):
            legs += [
                Leg(transaction=one, account=accounts[at % ACCOUNTS], credit=AMOUNT),
                Leg(transaction=one, account=accounts[(at + 1) % ACCOUNTS], debit=AMOUNT),
            ]
        Leg.objects.bulk_create(legs)


def holds() -> bool:
    total = Leg.objects.aggregate(debit=Sum("debit"), credit=Sum("credit"))
    return bool(total["debit"] == total["credit"] and Leg.objects.count() == 2 * Transaction.objects.count())
