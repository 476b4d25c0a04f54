"""The cut-off time: how long after the midnight that ends it a business date stays open."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from settlement.models import CutOff, Proposal
from settlement.services.rules.reading import judged_by_the_database, read

MINUTES_MAX: Final = 719


_REFUSALS: Final = {"settlement_cutoff_valid_from_key": ("valid_from", _("this date has another version"))}


def check(content: object) -> dict[str, Any]:
    """The cut-off as it is to be kept. Raises InvalidField."""
    with read(content) as fields:
        return {
            "valid_from": fields.date("valid_from").isoformat(),
            "minutes": fields.whole("minutes", 0, MINUTES_MAX, "number of minutes"),
            "legal_basis": fields.text("legal_basis"),
        }


def publish(content: dict[str, Any], proposal: Proposal) -> CutOff:
    """Put it in force from its date on. Raises InvalidField when the date has another one."""
    begins = date.fromisoformat(content["valid_from"])
    with judged_by_the_database(_REFUSALS):
        return CutOff.objects.create(**content | {"valid_from": begins}, proposal=proposal)
