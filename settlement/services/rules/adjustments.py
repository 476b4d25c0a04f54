"""Who has to check adjustments, by amount."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import InvalidField
from settlement.models import AdjustmentPolicy, Proposal
from settlement.services.rules.reading import FEN_MAX, judged_by_the_database, read

_REFUSALS: Final = {
    "settlement_adjustmentpolicy_valid_from_key": ("valid_from", _("this date has another version"))
}


def check(content: object) -> dict[str, Any]:
    """The policy as it is to be kept: tiers rise, and only the last one has no end. Raises InvalidField."""
    with read(content) as fields:
        begins, basis = fields.date("valid_from").isoformat(), fields.text("legal_basis")
        tiers: list[dict[str, Any]] = []
        for tier in fields.objects("tiers"):
            highest = tier.whole("up_to_fen", 1, FEN_MAX, "number of fen") if tier.has("up_to_fen") else None
            tiers.append({"up_to_fen": highest, "roles": list(tier.codes("roles"))})
            tier.done()
    highest_of = [each["up_to_fen"] for each in tiers]
    if None in highest_of[:-1] or highest_of[-1] is not None:
        raise InvalidField("tiers", _("the last tier, and only it, has no end"))
    for place, (before, highest) in enumerate(pairwise(highest_of[:-1]), start=1):
        if highest <= before:
            raise InvalidField(f"tiers[{place}].up_to_fen", _("each tier ends above the one before"))
    return {"valid_from": begins, "legal_basis": basis, "tiers": tiers}


def publish(content: dict[str, Any], proposal: Proposal) -> AdjustmentPolicy:
    """Put it in force from its date on. Raises InvalidField when the date has another one."""
    begins = date.fromisoformat(content["valid_from"])
    with judged_by_the_database(_REFUSALS):
        return AdjustmentPolicy.objects.create(**content | {"valid_from": begins}, proposal=proposal)
