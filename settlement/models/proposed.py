"""Dated rules and payees that one person proposes and another approves."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from citizencard.core.two_people import Proposed


class ProposedRule(Proposed):
    """In force from `valid_from` on, once approved; nothing of it changes but the decision."""

    valid_from = models.DateField(_("valid from"))
    legal_basis = models.CharField(_("legal basis"), max_length=200)

    class Meta(Proposed.Meta):
        abstract = True
        constraints = [
            *Proposed.Meta.constraints,
            models.CheckConstraint(condition=models.Q(legal_basis__gt=""), name="%(class)s_has_a_basis"),
        ]
