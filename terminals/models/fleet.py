"""The fleet: terminals with their keys, what they tell of themselves, and what is expected of them."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django_fsm import FSMField, transition

from citizencard.core.models import CounterRanges
from citizencard.core.states import StatefulModel
from terminals.models.field import Merchant
from terminals.models.places import Place


class TerminalKind(models.TextChoices):
    """What a device is; silence is judged by it."""

    VALIDATOR = "validator", _("vehicle validator")
    GATE = "gate", _("gate")
    POS = "pos", _("till")
    METER = "meter", _("taximeter")
    BARRIER = "barrier", _("car park barrier")


class Terminal(StatefulModel):
    """A device that takes taps: REGISTERED → ACTIVE ⇄ SUSPENDED → REVOKED or RETIRED, which are final.

    It signs with a key of its own (`TerminalKey`); its SAM's terminal number enters every MAC and TAC. A suspended one takes
    no cards, but may still hand in what it has: the chips have paid already. `state_at` is when the present state began.

    `place` is what displays and receipts say, `site` where the device is mounted. What stands under "told" is the
    terminal's own word, from its latest heartbeat; `drift_ms` is its clock less ours. `hot_list_version` is the list it was
    last given or said it applies, `hot_list_at` since when.
    """

    class State(models.TextChoices):
        REGISTERED = "registered", pgettext_lazy("terminal", "registered")
        ACTIVE = "active", pgettext_lazy("terminal", "active")
        SUSPENDED = "suspended", pgettext_lazy("terminal", "suspended")
        REVOKED = "revoked", _("revoked")
        RETIRED = "retired", pgettext_lazy("terminal", "retired")

    code = models.SlugField(_("code"), max_length=20, unique=True)
    kind = models.CharField(_("kind"), max_length=9, choices=TerminalKind.choices)
    serial = models.CharField(_("serial number"), max_length=40, blank=True, default="", db_default="")
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="terminals", verbose_name=_("merchant")
    )
    place = models.CharField(_("place"), max_length=100)
    site = models.ForeignKey(
        Place, models.PROTECT, null=True, blank=True, related_name="terminals", verbose_name=_("mounted at")
    )
    tariff_code = models.SlugField(_("tariff"), max_length=20)
    terminal_no = models.CharField(_("SAM terminal number"), max_length=12, unique=True)
    state = FSMField(_("state"), choices=State.choices, default=State.REGISTERED, protected=True)
    state_at = models.DateTimeField(_("in this state since"), db_default=Now())
    state_reason = models.CharField(_("reason"), max_length=100, blank=True, default="", db_default="")
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    tapped_at = models.DateTimeField(_("last tap"), null=True, blank=True)
    sequences_seen = CounterRanges(element="int8", db_default=models.Value("{}"), editable=False)
    hot_list_version = models.BigIntegerField(_("hot list version"), default=0, db_default=0)
    hot_list_at = models.DateTimeField(_("hot list acknowledged"), null=True, blank=True)
    # Told
    told_at = models.DateTimeField(_("last heartbeat"), null=True, blank=True)
    firmware = models.CharField(_("firmware"), max_length=40, blank=True, default="", db_default="")
    sam_key_version = models.PositiveSmallIntegerField(_("SAM key version"), null=True, blank=True)
    parameter_version = models.CharField(
        _("parameter version"), max_length=40, blank=True, default="", db_default=""
    )
    tariff_version = models.CharField(
        _("tariff version"), max_length=40, blank=True, default="", db_default=""
    )
    drift_ms = models.BigIntegerField(_("clock drift (ms)"), null=True, blank=True)
    free_bytes = models.BigIntegerField(_("free space (bytes)"), null=True, blank=True)
    waiting_records = models.PositiveIntegerField(_("records waiting"), null=True, blank=True)

    class Meta:
        verbose_name = _("terminal")
        verbose_name_plural = pgettext_lazy("device", "terminals")
        permissions = [
            ("enrol_terminal", _("Give out the code by which a terminal is enrolled")),
            ("stop_terminal", _("Suspend, resume, revoke and retire a terminal")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(terminal_no__regex=r"^[0-9A-F]{12}$"), name="terminal_no_six_bytes"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["registered", "active", "suspended", "revoked", "retired"]),
                name="terminal_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.place}"

    @transition(field=state, source=[State.REGISTERED, State.SUSPENDED], target=State.ACTIVE)
    def activate(self) -> None:
        """It has a key, and takes cards."""

    @transition(field=state, source=State.ACTIVE, target=State.SUSPENDED)
    def suspend(self) -> None:
        """Out of service: it takes no cards, hands in what it has, and comes back."""

    @transition(field=state, source=[State.REGISTERED, State.ACTIVE, State.SUSPENDED], target=State.REVOKED)
    def revoke(self) -> None:
        """Stolen, cloned or lost: nothing it signs counts any more."""

    @transition(field=state, source=[State.REGISTERED, State.ACTIVE, State.SUSPENDED], target=State.RETIRED)
    def retire(self) -> None:
        """At the end of its life, with everything handed in."""


class TerminalKey(models.Model):
    """An Ed25519 public key by which a terminal signs from `valid_from` until `valid_until` or `revoked_at`.

    Rows stay: what was signed with a key, and when it stopped to count, can be told later.
    """

    class Origin(models.TextChoices):
        INSTALLED = "installed", _("installed by staff")
        ENROLLED = "enrolled", _("enrolled by code")
        ROTATED = "rotated", _("rotated by the terminal")

    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="keys", verbose_name=_("terminal"))
    public_key = models.BinaryField(_("public key"), max_length=32, unique=True)
    origin = models.CharField(_("origin"), max_length=9, choices=Origin.choices)
    valid_from = models.DateTimeField(_("valid from"))
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    revoked_reason = models.CharField(_("reason"), max_length=100, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("terminal key")
        verbose_name_plural = _("terminal keys")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(revoked_at=None, revoked_reason="")
                | models.Q(revoked_at__isnull=False) & ~models.Q(revoked_reason=""),
                name="terminal_key_revoked_with_reason",
            )
        ]

    def __str__(self) -> str:
        return bytes(self.public_key).hex()


class EnrolmentCode(models.Model):
    """A one-time code by which a device becomes this terminal. Only a keyed digest of it is kept; wrong tries count."""

    terminal = models.ForeignKey(
        Terminal, models.PROTECT, related_name="enrolment_codes", verbose_name=_("terminal")
    )
    digest = models.CharField(max_length=64)
    created_by = models.CharField(_("created by"), max_length=150)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("expires at"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0, db_default=0)
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)

    class Meta:
        verbose_name = _("enrolment code")
        verbose_name_plural = _("enrolment codes")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.terminal_id} {self.expires_at:%F %T}"


class Heartbeat(models.Model):
    """What a terminal told of itself, the first of each hour: enough to see what changed when. Append-only by trigger."""

    terminal = models.ForeignKey(
        Terminal, models.PROTECT, related_name="heartbeats", verbose_name=_("terminal")
    )
    hour = models.DateTimeField(_("hour"))
    firmware = models.CharField(_("firmware"), max_length=40)
    sam_key_version = models.PositiveSmallIntegerField(_("SAM key version"))
    parameter_version = models.CharField(_("parameter version"), max_length=40)
    tariff_version = models.CharField(_("tariff version"), max_length=40)
    hot_list_version = models.BigIntegerField(_("hot list version"))
    drift_ms = models.BigIntegerField(_("clock drift (ms)"))
    free_bytes = models.BigIntegerField(_("free space (bytes)"))
    waiting_records = models.PositiveIntegerField(_("records waiting"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["terminal", "hour"], name="one_heartbeat_per_hour")]

    def __str__(self) -> str:
        return f"{self.terminal_id} {self.hour:%F %H}"


class TerminalEvent(models.Model):
    """Something a terminal has to tell, once per its own running number. Append-only by trigger.

    `times` counts what happened often in one go: passengers carried free while the device was out of service.
    """

    class Kind(models.TextChoices):
        KEY = "key", _("key loaded or changed")
        SAM = "sam", _("SAM changed or failing")
        MAC2_ERROR = "mac2_error", _("card failed to prove the debit (MAC2)")
        TAMPER = "tamper", _("tampering")
        OUT_OF_SERVICE = "out_of_service", _("out of service")
        IN_SERVICE = "in_service", _("in service again")
        FREE_RIDE = "free_ride", _("carried free, out of service")

    terminal = models.ForeignKey(Terminal, models.PROTECT, related_name="events", verbose_name=_("terminal"))
    number = models.BigIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=14, choices=Kind.choices)
    occurred_at = models.DateTimeField(_("occurred at"))
    times = models.PositiveIntegerField(_("times"))
    card_no = models.CharField(_("card number"), max_length=19, blank=True)
    detail = models.CharField(_("detail"), max_length=200, blank=True)
    received_at = models.DateTimeField(_("received at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("terminal event")
        verbose_name_plural = _("terminal events")
        default_permissions = ()
        indexes = [BrinIndex(fields=["received_at"], name="terminal_event_times")]
        constraints = [
            models.UniqueConstraint(fields=["terminal", "number"], name="terminal_event_once_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id} #{self.number} {self.kind}"


class FleetPolicy(models.Model):
    """From when on a kind of terminal is asked after. Dated and append-only by trigger: a successor ends it.

    Silent: not heard of for `silent_hours`. Without trade: heard of, no tap for `zero_trade_days`, while another of its
    kind and merchant had some. Old list: lacks what was put on the hot list more than `list_minutes` ago.
    """

    kind = models.CharField(_("kind"), max_length=9, choices=TerminalKind.choices)
    valid_from = models.DateField(_("valid from"))
    silent_hours = models.PositiveIntegerField(_("silent after (hours)"))
    zero_trade_days = models.PositiveIntegerField(_("without trade after (days)"))
    list_minutes = models.PositiveIntegerField(_("list old after (minutes)"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("fleet policy")
        verbose_name_plural = _("fleet policies")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["kind", "valid_from"], name="fleet_policy_once_per_date"),
            models.CheckConstraint(
                condition=models.Q(silent_hours__gte=1, zero_trade_days__gte=1, list_minutes__gte=1)
                & ~models.Q(legal_basis=""),
                name="fleet_policy_says_what_and_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.valid_from})"
