"""What the centre publishes to terminals: its keys, its documents, the hot list's changes and versions, and who has which."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from terminals.models.field import HotListEntry
from terminals.models.fleet import Terminal, TerminalKind


class DocumentKind(models.TextChoices):
    """As `terminals.wire.lists.KINDS`, but for the time, which is never kept."""

    HOT_LIST = "hot_list", _("hot list")
    PARAMETERS = "parameters", _("parameters")
    TARIFFS = "tariffs", _("tariffs")
    PASSES = "passes", _("passes")
    NEXT_KEY = "next_key", _("next key of the centre")


class CentreKey(models.Model):
    """A public key that the centre signs documents with from `valid_from` on; the private half is in the key service.

    `seed` is the version of the seed it is derived from there. All but the first are named by a document of kind `next_key`,
    `number` in its version, signed with the key before; that one is believed until `present_until`. Append-only by trigger.
    """

    number = models.PositiveIntegerField(_("number"), primary_key=True)
    seed = models.PositiveSmallIntegerField(_("version of the seed"), unique=True)
    public_key = models.BinaryField(_("public key"), max_length=32, unique=True)
    valid_from = models.DateTimeField(_("valid from"))
    present_until = models.DateTimeField(_("key before believed until"), null=True)
    named_by = models.CharField(_("named by"), max_length=150)
    named_at = models.DateTimeField(_("named at"), db_default=Now(), editable=False)
    document = models.BinaryField(null=True)

    class Meta:
        verbose_name = _("document key of the centre")
        verbose_name_plural = _("document keys of the centre")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(number=0, document=None, present_until=None)
                | models.Q(
                    number__gt=0,
                    document__isnull=False,
                    present_until__gte=models.F("valid_from"),
                ),
                name="centre_key_named_by_the_one_before",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {bytes(self.public_key).hex()[:16]}"


class PublishedDocument(models.Model):
    """One version of what terminals are told whole: parameters of a kind of terminal, versions of a tariff, passes of a channel.

    `subject` is that kind or the tariff's code. A version is its content; another content is the next version.
    Append-only by trigger.
    """

    kind = models.CharField(_("kind"), max_length=10, choices=DocumentKind.choices)
    subject = models.CharField(_("subject"), max_length=20)
    version = models.BigIntegerField(_("version"))
    content = models.BinaryField()
    digest = models.BinaryField(_("SHA-256"), max_length=32)
    count = models.PositiveIntegerField(_("entries"))
    published_at = models.DateTimeField(_("published at"))

    class Meta:
        verbose_name = _("published document")
        verbose_name_plural = _("published documents")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "version"], name="published_document_once_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.version}"


class SignedDocument(models.Model):
    """A document as it travels, made once for all terminals that ask for the same. A cache: rows may go at any time."""

    kind = models.CharField(max_length=10)
    subject = models.CharField(max_length=20)
    since = models.BigIntegerField()
    version = models.BigIntegerField()
    seed = models.PositiveSmallIntegerField()
    body = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "version", "since", "seed"], name="signed_document_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.since}→{self.version}"


class HotListVersion(models.Model):
    """A version of the hot list, from when terminals could have it. `digest` and `count` are of the whole list. Append-only."""

    version = models.BigIntegerField(_("version"), primary_key=True)
    published_at = models.DateTimeField(_("published at"))
    count = models.PositiveIntegerField(_("cards"))
    digest = models.BinaryField(_("SHA-256"), max_length=32)

    class Meta:
        verbose_name = _("hot list version")
        verbose_name_plural = _("hot list versions")
        default_permissions = ()
        indexes = [models.Index(fields=["published_at"], name="hot_list_published_at")]

    def __str__(self) -> str:
        return str(self.version)


class HotListChange(models.Model):
    """A card put on the hot list, or taken off it (`effective_at` empty). Written by the entries' trigger.

    `version` is the one it was published with; set once, by trigger, and nothing else changes.
    """

    entry = models.ForeignKey(
        HotListEntry, models.PROTECT, related_name="changes", verbose_name=_("hot list entry")
    )
    pan = models.CharField(_("card number"), max_length=19)
    effective_at = models.DateTimeField(_("effective at"), null=True)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now(), editable=False)
    version = models.ForeignKey(
        HotListVersion, models.PROTECT, null=True, db_column="version", verbose_name=_("published with")
    )

    class Meta:
        verbose_name = _("change of the hot list")
        verbose_name_plural = _("changes of the hot list")
        default_permissions = ()
        indexes = [
            models.Index(fields=["pan", "id"], name="hot_list_change_of_card"),
            models.Index(fields=["id"], condition=models.Q(version=None), name="hot_list_change_to_publish"),
        ]

    def __str__(self) -> str:
        return f"{self.pan} {'+' if self.effective_at else '-'}"


class ListApplied(models.Model):
    """From when on the centre knew, by the terminal's signed word, that it applies this version. Append-only by trigger."""

    terminal = models.ForeignKey(
        Terminal, models.PROTECT, related_name="lists_applied", db_index=False, verbose_name=_("terminal")
    )
    version = models.BigIntegerField(_("version"))
    applied_at = models.DateTimeField(_("applied at"))

    class Meta:
        verbose_name = _("hot list applied")
        verbose_name_plural = _("hot lists applied")
        default_permissions = ()
        indexes = [models.Index(fields=["terminal", "-id"], name="list_applied_by_terminal")]

    def __str__(self) -> str:
        return f"{self.terminal_id} {self.version}"


class HotListPolicy(models.Model):
    """The promise after a loss report, for reports from `valid_from` on. Dated and append-only by trigger.

    For `promise_minutes` after the report the holder bears what is paid with the card; from then on who was late does: the
    operator whose terminal did not apply a list it could have had for `grace_minutes`, else the centre. A report for now
    stands for `temporary_days`.
    """

    valid_from = models.DateField(_("valid from"), unique=True)
    promise_minutes = models.PositiveIntegerField(_("promise (minutes)"))
    grace_minutes = models.PositiveIntegerField(_("for terminals to fetch it (minutes)"))
    temporary_days = models.PositiveSmallIntegerField(
        _("report for now stands (days)"), default=5, db_default=5
    )
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("hot list policy")
        verbose_name_plural = _("hot list policies")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(promise_minutes__lte=10_080, grace_minutes__lte=10_080)
                & models.Q(temporary_days__range=(1, 90))
                & ~models.Q(legal_basis=""),
                name="hot_list_policy_says_what_and_why",
            )
        ]

    def __str__(self) -> str:
        return str(self.valid_from)


class ParameterPolicy(models.Model):
    """What terminals of a kind (empty: of all kinds without a policy of their own) go by, from a date on. Append-only.

    Limits are fen and counts of a card and day at one terminal, empty where nothing binds; the rhythms are seconds.
    `grey_days` is how long a purchase without proof may wait for evidence before it is the merchant's risk. `marks` are what the
    kind of a card and the line of a trip record mean in this city, see `terminals.program.marks`.
    """

    LIMITS = ("single_fen", "offline_count", "offline_sum_fen", "overdraft_fen")
    RHYTHMS = ("guard_s", "upload_s", "heartbeat_s", "list_s")

    kind = models.CharField(
        _("kind"), max_length=9, choices=TerminalKind.choices, blank=True, help_text=_("empty: all")
    )
    valid_from = models.DateField(_("valid from"))
    single_fen = models.PositiveBigIntegerField(_("most at once (fen)"), null=True, blank=True)
    offline_count = models.PositiveIntegerField(_("offline purchases a day"), null=True, blank=True)
    offline_sum_fen = models.PositiveBigIntegerField(_("offline sum a day (fen)"), null=True, blank=True)
    overdraft_fen = models.PositiveBigIntegerField(_("overdraft (fen)"), null=True, blank=True)
    guard_s = models.PositiveIntegerField(_("not charged again within (s)"))
    upload_s = models.PositiveIntegerField(_("upload every (s)"))
    heartbeat_s = models.PositiveIntegerField(_("heartbeat every (s)"))
    list_s = models.PositiveIntegerField(_("ask for lists every (s)"))
    grey_days = models.PositiveIntegerField(_("evidence for grey records within (days)"))
    marks = models.JSONField(
        _("marks on cards"), default=dict, db_default=models.Value("{}", models.JSONField()), blank=True
    )
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta:
        verbose_name = _("terminal parameters")
        verbose_name_plural = _("terminal parameters")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["kind", "valid_from"], name="parameters_once_per_date"),
            models.CheckConstraint(
                condition=models.Q(guard_s__lte=3600, upload_s__gte=1, heartbeat_s__gte=1, list_s__gte=1)
                & models.Q(grey_days__range=(1, 365))
                & ~models.Q(legal_basis=""),
                name="parameters_say_what_and_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind or '*'} ({self.valid_from})"
