"""The least a ledger can be in Django: a transaction and its two entries."""

from __future__ import annotations

from django.db import models


class Txn(models.Model):
    posted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "pair"

    def __str__(self) -> str:
        return str(self.pk)


class Entry(models.Model):
    txn = models.ForeignKey(Txn, models.PROTECT)
    account_id = models.BigIntegerField()
    amount_fen = models.BigIntegerField()

    class Meta:
        app_label = "pair"

    def __str__(self) -> str:
        return str(self.pk)
