"""Direct-debit mandates: a citizen's bank may be debited when a purse runs low, within caps, until they say stop."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from accounts.models.cards import Purse
from accounts.models.people import Citizen
from accounts.models.topup import TopUpOrder
from citizencard.core.states import StatefulModel


class Mandate(StatefulModel):
    """A citizen's consent to be debited for one purse: requested → active → stopped.

    When the purse has less than `threshold_fen`, `amount_fen` is collected, never more than `day_cap_fen` in a day and
    `month_cap_fen` in a month (Asia/Shanghai). The bank is known by the gateway's references; of its card number only the
    last four digits are kept. The database keeps a stopped mandate stopped and lets nothing be collected on it.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("requested")
        ACTIVE = "active", _("active")
        STOPPED = "stopped", _("stopped")

    class StopReason(models.TextChoices):
        CITIZEN = "citizen", _("switched off by the citizen")
        LOST = "lost", _("card reported lost")
        CLOSED = "closed", _("card no longer in use")
        WITHDRAWN = "withdrawn", _("withdrawn at the bank")
        DECLINED = "declined", _("declined several times in a row")
        CREDIT = "credit", _("not a bank account or debit card")
        EXPIRED = "expired", _("not agreed to in time")
        REPLACED = "replaced", _("card replaced")
        LEVEL = "level", _("identity no longer verified")

    reference = models.CharField(_("reference"), max_length=32, unique=True)
    citizen = models.ForeignKey(Citizen, models.PROTECT, related_name="mandates", verbose_name=_("citizen"))
    purse = models.ForeignKey(Purse, models.PROTECT, related_name="mandates", verbose_name=_("purse"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    threshold_fen = models.BigIntegerField(_("collected below (fen)"))
    day_cap_fen = models.BigIntegerField(_("at most in a day (fen)"))
    month_cap_fen = models.BigIntegerField(_("at most in a month (fen)"))
    setup_id = models.CharField(_("request at the gateway"), max_length=80, blank=True)
    gateway_method = models.CharField(_("payment method at the gateway"), max_length=80, blank=True)
    gateway_mandate = models.CharField(_("mandate at the gateway"), max_length=80, blank=True, db_index=True)
    bank_name = models.CharField(_("bank"), max_length=80, blank=True)
    last4 = models.CharField(_("last four digits"), max_length=4, blank=True)
    declines = models.PositiveSmallIntegerField(_("declined in a row"), default=0)
    state = FSMField(_("state"), choices=State.choices, default=State.REQUESTED, protected=True)
    stop_reason = models.CharField(_("ended because"), max_length=10, choices=StopReason.choices, blank=True)
    requested_at = models.DateTimeField(_("requested at"))
    activated_at = models.DateTimeField(_("active since"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped at"), null=True, blank=True)

    class Meta:
        verbose_name = _("direct-debit mandate")
        verbose_name_plural = _("direct-debit mandates")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    amount_fen__gt=0,
                    threshold_fen__gt=0,
                    day_cap_fen__gte=models.F("amount_fen"),
                    month_cap_fen__gte=models.F("day_cap_fen"),
                ),
                name="mandate_amounts_sane",
            ),
            models.CheckConstraint(
                condition=models.Q(state="requested", stopped_at=None, stop_reason="")
                | models.Q(
                    state="active",
                    stopped_at=None,
                    stop_reason="",
                    gateway_method__gt="",
                    gateway_mandate__gt="",
                    activated_at__isnull=False,
                )
                | models.Q(state="stopped", stopped_at__isnull=False, stop_reason__gt=""),
                name="mandate_state_has_its_facts",
            ),
            models.UniqueConstraint(
                fields=["purse"],
                condition=models.Q(state__in=["requested", "active"]),
                name="one_live_mandate_per_purse",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def bank(self) -> str:
        """The source as people know it: bank and last four digits."""
        return f"{self.bank_name} {self.last4}".strip()

    @transition(field=state, source=State.REQUESTED, target=State.ACTIVE)
    def activate(self) -> None:
        """The bank has the citizen's word."""

    @transition(field=state, source=[State.REQUESTED, State.ACTIVE], target=State.STOPPED)
    def stop(self) -> None:
        """Nothing is collected any more; for good."""


class MandateCollection(models.Model):
    """One debit of a mandate: the `number`-th of a date (Asia/Shanghai), behind it one top-up order.

    Written before the bank is asked. While it is pending nobody knows the outcome: the same order is asked about again and
    no other is begun.
    """

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        COLLECTED = "collected", _("collected")
        DECLINED = "declined", _("declined")
        DROPPED = "dropped", _("never sent")

    mandate = models.ForeignKey(
        Mandate, models.PROTECT, related_name="collections", verbose_name=_("mandate")
    )
    date = models.DateField(_("date"))
    number = models.PositiveSmallIntegerField(_("number"))
    order = models.OneToOneField(TopUpOrder, models.PROTECT, verbose_name=_("top-up order"))
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.PENDING)
    decline_code = models.CharField(_("the bank's reason"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        constraints = [
            models.UniqueConstraint(fields=["mandate", "date", "number"], name="collection_number_once"),
            models.UniqueConstraint(
                fields=["mandate"], condition=models.Q(state="pending"), name="one_collection_under_way"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "collected", "declined", "dropped"]),
                name="collection_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mandate_id} {self.date} #{self.number}"
