"""Who works here as what: changes that two people make, and which roles one person may not have together."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from citizencard.core.two_people import Proposed


class RoleConflict(models.Model):
    """Two roles that one person may not have: whoever does the one checks, or could hide, the other.

    A trigger on the users' groups keeps it. Written by migrations only.
    """

    one = models.CharField(_("role"), max_length=20)
    other = models.CharField(_("role"), max_length=20)

    class Meta:
        verbose_name = _("roles kept apart")
        verbose_name_plural = _("roles kept apart")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="role_conflict_once"),
            models.CheckConstraint(
                condition=models.Q(one__lt=models.F("other")), name="role_conflict_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.one} / {self.other}"


class StartingCode(models.Model):
    """The password of `user` is a code that was handed over: good until `expires_at`, changed at the first sign-in."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        primary_key=True,
        related_name="starting_code",
        verbose_name=_("member of staff"),
    )
    expires_at = models.DateTimeField(_("valid until"))

    class Meta:
        verbose_name = _("starting code")
        verbose_name_plural = _("starting codes")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user_id}"


class AccountChange(Proposed):
    """Somebody begins, gets other roles, leaves, comes back, or has lost what he signs in with.

    Neither of the two people who change an account is its owner.
    """

    class Kind(models.TextChoices):
        HIRE = "hire", _("new account")
        ROLES = "roles", _("other roles")
        DEACTIVATE = "deactivate", _("deactivate")
        REINSTATE = "reinstate", _("activate again")
        RESET = "reset", _("new password and second factor")

    kind = models.CharField(_("kind of change"), max_length=10, choices=Kind.choices)
    username = models.CharField(_("user name"), max_length=150)
    name = models.CharField(_("name"), max_length=150, blank=True)
    roles = ArrayField(models.CharField(max_length=20), verbose_name=_("roles"), default=list)
    reason = models.CharField(_("reason"), max_length=200)

    class Meta:
        verbose_name = _("change of a staff account")
        verbose_name_plural = _("changes of staff accounts")
        default_permissions = ("view",)
        permissions = [
            ("propose_accountchange", _("Propose changes of staff accounts")),
            ("approve_accountchange", _("Approve changes of staff accounts that somebody else has proposed")),
        ]
        constraints = [
            *Proposed.Meta.constraints,
            models.CheckConstraint(
                condition=~models.Q(maker=models.F("username")) & ~models.Q(checker=models.F("username")),
                name="account_change_not_of_ones_own",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["hire", "roles"]) ^ models.Q(roles=[]),
                name="account_change_has_its_roles",
            ),
            models.CheckConstraint(condition=models.Q(reason__gt=""), name="account_change_has_a_reason"),
            models.UniqueConstraint(
                fields=["username"],
                condition=models.Q(state="proposed"),
                name="account_change_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.username} {self.get_kind_display()}"
