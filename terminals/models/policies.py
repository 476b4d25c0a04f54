"""Policies of the field on their way: asked for by one person, put in force or refused by another."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from citizencard.core.two_people import Proposed


class PolicyProposal(Proposed):
    """One dated policy that somebody wants in force, as `content` for the service that publishes its kind.

    Decided once, by trigger.
    """

    class Kind(models.TextChoices):
        PARAMETERS = "parameters", _("terminal parameters")
        HOT_LIST = "hot_list", _("hot list policy")
        ACCEPTANCE = "acceptance", _("acceptance policy")
        RETURN = "return", _("return policy")
        RISK = "risk", _("risk parameters")
        APPEAL = "appeal", _("appeal policy")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    content = models.JSONField(_("content"))

    class Meta(Proposed.Meta):
        verbose_name = _("proposed policy")
        verbose_name_plural = _("proposed policies")
        default_permissions = ("view",)
        permissions = [
            ("propose_policy", _("Propose policies of terminals, returns, risk and objections")),
            ("approve_policy", _("Approve or refuse policies that somebody else has proposed")),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_kind_display()}"
