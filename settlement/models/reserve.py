"""The reserve-fund report of a date: only where bank and books agree to the fen."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from settlement.models.bank import BankStatement


class ReserveReport(models.Model):
    """What was owed and held at the end of a sealed business date, proved by the bank's closing balance. Append-only by trigger.

    All in fen. Owed to holders, to merchants and in suspense, plus what is our own, less what is held elsewhere, is what the
    bank must hold; `late_fen` is at the bank and booked after the date, `waiting_fen` is booked and not at the bank yet. The
    database takes no report with a difference.
    """

    business_date = models.DateField(_("business date"), primary_key=True)
    statement = models.ForeignKey(BankStatement, models.PROTECT, verbose_name=_("bank statement"))
    holders_fen = models.BigIntegerField(_("owed to card holders (fen)"))
    merchants_fen = models.BigIntegerField(_("owed to merchants (fen)"))
    suspense_fen = models.BigIntegerField(_("in suspense (fen)"))
    own_fen = models.BigIntegerField(_("our own (fen)"))
    elsewhere_fen = models.BigIntegerField(_("held elsewhere (fen)"))
    late_fen = models.BigIntegerField(_("booked after the date (fen)"))
    waiting_fen = models.BigIntegerField(_("not at the bank yet (fen)"))
    bank_fen = models.BigIntegerField(_("closing balance at the bank (fen)"))
    made_by = models.CharField(_("made by"), max_length=100)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)

    class Meta:
        verbose_name = _("reserve-fund report")
        verbose_name_plural = _("reserve-fund reports")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    bank_fen=models.F("holders_fen")
                    + models.F("merchants_fen")
                    + models.F("suspense_fen")
                    + models.F("own_fen")
                    - models.F("elsewhere_fen")
                    + models.F("late_fen")
                    - models.F("waiting_fen")
                ),
                name="reserve_agrees_to_the_fen",
            )
        ]

    def __str__(self) -> str:
        return self.business_date.isoformat()
