"""Posting with the minimal pair: `create` and `bulk_create` in `atomic()`, no balances."""

from __future__ import annotations

from django.core.management import call_command
from django.db import transaction
from django.db.models import Sum

from pair.models import Entry, Txn

ACCOUNTS = 1_000


def prepare() -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)


def post(number: int) -> None:
    debit, credit = number % ACCOUNTS, (number + 1) % ACCOUNTS
    with transaction.atomic():
        txn = Txn.objects.create()
        Entry.objects.bulk_create(
            [
                Entry(txn=txn, account_id=debit, amount_fen=-5),
                Entry(txn=txn, account_id=credit, amount_fen=5),
            ]
        )


def post_many(first: int, size: int) -> None:
    with transaction.atomic():
        txns = Txn.objects.bulk_create([Txn() for _ in range(size)])
        Entry.objects.bulk_create(
            [
                Entry(txn=txn, account_id=(first + at + leg) % ACCOUNTS, amount_fen=5 - 10 * leg)
                for at, txn in enumerate(txns)
                for leg in (0, 1)
            ]
        )


def holds() -> bool:
    total = Entry.objects.aggregate(fen=Sum("amount_fen"))["fen"]
    return bool(total == 0 and Entry.objects.count() == 2 * Txn.objects.count())
