"""Charges that a holder disputes: what was credited for one, who bears it, and what of a credit was taken back."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from accounts.models.cards import Card
from accounts.models.ledger import LedgerAccount
from accounts.models.topup import TopUpOrder
from citizencard.core.states import StatefulModel


class DisputedCharge(StatefulModel):
    """`amount_fen` of one charge that the holder does not accept; one row a charge, ever: the second look is the appeal.

    `order` is the credit, at most one: made while the dispute is open (an advance) or when it is granted. `bearer` is the account
    that bears a granted one. Here is what the books need to know; how it is decided is the case's affair (`settlement`).
    """

    class What(models.TextChoices):
        PURCHASE = "purchase", pgettext_lazy("charge", "purchase with the card")
        PAYMENT = "payment", pgettext_lazy("charge", "payment from the online account")
        RIDE = "ride", pgettext_lazy("charge", "ride by code")
        TOP_UP = "top_up", pgettext_lazy("charge", "top-up")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("disputed charge", "open")
        GRANTED = "granted", pgettext_lazy("disputed charge", "granted")
        REFUSED = "refused", pgettext_lazy("disputed charge", "refused")

    what = models.CharField(_("charge"), max_length=8, choices=What.choices)
    source_id = models.BigIntegerField(_("number of the charge"))
    card = models.ForeignKey(Card, models.PROTECT, related_name="disputed_charges", verbose_name=_("card"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    occurred_at = models.DateTimeField(_("occurred at"))
    state = FSMField(_("state"), max_length=7, choices=State.choices, default=State.OPEN, protected=True)
    order = models.OneToOneField(
        TopUpOrder, models.PROTECT, null=True, related_name="disputed_charge", verbose_name=_("credit")
    )
    bearer = models.ForeignKey(
        LedgerAccount, models.PROTECT, null=True, related_name="+", verbose_name=_("borne by")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("disputed charge")
        verbose_name_plural = _("disputed charges")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["what", "source_id"], name="charge_disputed_once"),
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="disputed_amount_positive"),
            models.CheckConstraint(
                condition=models.Q(state="open", bearer=None, ended_at=None)
                | models.Q(state="granted", bearer__isnull=False, order__isnull=False, ended_at__isnull=False)
                | models.Q(state="refused", bearer=None, ended_at__isnull=False),
                name="disputed_charge_ends_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} #{self.source_id}"

    @transition(field=state, source=State.OPEN, target=State.GRANTED)
    def grant(self, bearer: LedgerAccount, at: datetime) -> None:
        """The holder was right: the credit is final."""
        self.bearer, self.ended_at = bearer, at

    @transition(field=state, source=State.OPEN, target=State.REFUSED)
    def refuse(self, at: datetime) -> None:
        """The charge stands: what was credited is owed back."""
        self.ended_at = at


class CreditReturn(models.Model):
    """A part of a refused dispute's credit that came back: out of the purse it was credited to, or written off as our loss.

    Append-only by trigger, which keeps all of them within the credit.
    """

    class Rule(models.TextChoices):
        PURSE = "purse", pgettext_lazy("credit", "taken back")
        WRITTEN_OFF = "written_off", pgettext_lazy("credit", "written off")

    charge = models.ForeignKey(
        DisputedCharge, models.PROTECT, related_name="returns", verbose_name=_("disputed charge")
    )
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    rule = models.CharField(_("rule"), max_length=11, choices=Rule.choices)
    actor = models.CharField(_("actor"), max_length=100)
    occurred_at = models.DateTimeField(_("occurred at"))
    returned_at = models.DateTimeField(_("returned at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("credit taken back")
        verbose_name_plural = _("credits taken back")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_fen__gt=0), name="credit_return_positive")
        ]

    def __str__(self) -> str:
        return f"{self.charge_id}: {self.amount_fen} {self.rule}"
