"""The clock of a kind of dispute, what is advanced meanwhile, and from what amount on two people decide."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import InvalidField
from settlement.models import DisputeKind, DisputePolicy, Proposal
from settlement.services.rules.reading import FEN_MAX, judged_by_the_database, read

DAYS_MAX: Final = 366
_DAYS: Final = ("file_days", "evidence_days", "decide_days", "appeal_days")
_AMOUNTS: Final = ("advance_up_to_fen", "two_people_from_fen")
_REFUSALS: Final = {"one_dispute_policy_per_date": ("valid_from", _("this date has another version"))}


def check(content: object) -> dict[str, Any]:
    """The policy as it is to be kept; a dispute is decided no earlier than its evidence is due. Raises InvalidField."""
    with read(content) as fields:
        kept: dict[str, Any] = {
            "kind": fields.code("kind"),
            "valid_from": fields.date("valid_from").isoformat(),
            "legal_basis": fields.text("legal_basis"),
        }
        kept |= {name: fields.whole(name, 1, DAYS_MAX, "number of days") for name in _DAYS}
        kept |= {name: fields.whole(name, 0, FEN_MAX, "number of fen") for name in _AMOUNTS}
    if kept["kind"] not in DisputeKind.values:
        raise InvalidField("kind", _("unknown"))
    if kept["decide_days"] < kept["evidence_days"]:
        raise InvalidField("decide_days", _("not before the evidence is due"))
    return kept


def publish(content: dict[str, Any], proposal: Proposal) -> DisputePolicy:
    """Put it in force from its date on. Raises InvalidField when the date has another one."""
    begins = date.fromisoformat(content["valid_from"])
    with judged_by_the_database(_REFUSALS):
        return DisputePolicy.objects.create(**content | {"valid_from": begins}, proposal=proposal)
