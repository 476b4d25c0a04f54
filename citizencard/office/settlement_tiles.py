"""What waits for finance: rules and adjustments for a second person, statements for a contract, differences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from citizencard.office.tiles import Tile, list_url
from settlement.models import Adjustment, Proposal
from settlement.selectors.calendar import waiting_for_contract
from settlement.selectors.differences import is_over_age, open_differences
from settlement.selectors.disputes import under_way


def _rules() -> Tile:
    count = Proposal.objects.filter(state=Proposal.State.PROPOSED).count()
    return Tile(_("Rules to approve"), count, "", list_url("settlement_proposal", "?state__exact=proposed"))


def _without_contract() -> Tile:
    waiting = waiting_for_contract()
    names = "、".join(dict.fromkeys(statement.merchant.name for statement in waiting[:3]))
    url = list_url("settlement_contract")
    return Tile(_("Statements without a contract"), len(waiting), names, url, "bad" if waiting else "")


def _adjustments() -> Tile:
    count = Adjustment.objects.filter(state=Adjustment.State.PROPOSED).count()
    url = list_url("settlement_adjustment", "?state__exact=proposed")
    return Tile(_("Adjustments to check"), count, "", url)


def _differences() -> Tile:
    is_late = Count("pk", filter=is_over_age(timezone.now()))
    waiting, late = open_differences().order_by().aggregate(all=Count("pk"), late=is_late).values()
    detail = _("%(late)s for too long") % {"late": late} if late else _("none is late")
    url = list_url("settlement_difference", "?stands=late" if late else "?stands=open")
    return Tile(_("Reconciliation differences"), waiting, detail, url, "bad" if late else "")


def _disputes(today: date) -> Tile:
    is_soon = Count("pk", filter=Q(due_on__lte=today + timedelta(days=2)))
    waiting, soon = under_way().order_by().aggregate(all=Count("pk"), soon=is_soon).values()
    detail = _("%(count)s due within two days") % {"count": soon}
    url = list_url("settlement_dispute", "?due=soon" if soon else "?due=open")
    return Tile(_("Disputes to decide"), waiting, detail, url, "bad" if soon else "")


SETTLEMENT_LISTS: Final[tuple[tuple[str, Callable[[date], list[Tile]]], ...]] = (
    ("settlement.view_proposal", lambda today: [_rules(), _without_contract()]),
    ("settlement.view_adjustment", lambda today: [_adjustments()]),
    ("settlement.view_difference", lambda today: [_differences()]),
    ("settlement.view_dispute", lambda today: [_disputes(today)]),
)
"""What each permission shows, as in `citizencard.office.waiting`."""
