"""What waits for somebody in the office: each with its list, as far as the reader's role may see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from django.db.models import Count, Min, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import CounterReversal, DrawerCount, SubsidyBatch, TopUpDifference, TopUpOrder
from accounts.selectors.agents import agents_near_limit
from accounts.selectors.alerts import open_alerts
from accounts.selectors.refunds import bank_payouts, flagged_cards, late_refunds, refunds_to_approve
from citizencard.core.calendar import shanghai
from citizencard.office.privacy_tiles import access_questions, corrections, erasures
from citizencard.office.settlement_tiles import SETTLEMENT_LISTS
from citizencard.office.tiles import Tile, list_url
from citizencard.staff.models import AccountChange
from settlement.models import PayoutBatch
from settlement.selectors.proofs import unproved_days
from settlement.selectors.runs import late_days
from settlement.selectors.suspense import open_items
from terminals.selectors.appeals import open_appeals
from terminals.selectors.held import BUCKETS, age_days, waiting_purchases

UNPROVEN_AFTER: Final = timedelta(hours=1)
"""A load is proven within seconds; after this long it needs the card again, and somebody to ask for it."""


def waiting_tiles(request: HttpRequest) -> list[Tile]:
    """One tile per list that the reader may open."""
    today = shanghai(timezone.now()).date()
    lists = (tiles for permission, tiles in _LISTS if request.user.has_perm(permission))
    return [tile for tiles in lists for tile in tiles(today)]


def _late_days() -> list[Tile]:
    late = late_days()
    detail = _("the oldest is %(date)s") % {"date": late[0]} if late else ""
    url = list_url("settlement_clearingrun")
    return [Tile(_("Dates not cleared in time"), len(late), detail, url, "bad")] if late else []


def _refunds(today: date) -> Tile:
    late = late_refunds(today).count()
    detail = _("%(late)s past their promise") % {"late": late} if late else _("none is late")
    return Tile(
        _("Refunds to approve"), refunds_to_approve().count(), detail,
        list_url("accounts_refund", "?waits=late" if late else "?waits=approval"), "bad" if late else "",
    )  # fmt: skip


def _payouts() -> Tile:
    parts = bank_payouts()
    unnamed = parts.filter(refund__payee="").count()
    detail = _("%(count)s without a payee") % {"count": unnamed} if unnamed else ""
    return Tile(_("Refunds for the bank"), parts.count(), detail, list_url("accounts_refund", "?waits=bank"))


def _loads() -> Tile:
    counts = TopUpOrder.objects.filter(state=TopUpOrder.State.LOADED).aggregate(
        all=Count("pk"), old=Count("pk", filter=Q(loaded_at__lt=timezone.now() - UNPROVEN_AFTER))
    )
    detail = _("%(count)s for more than an hour") % {"count": counts["old"]}
    url = list_url("accounts_topuporder", "?state__exact=loaded")
    return Tile(_("Loads not proven"), counts["all"], detail, url, "bad" if counts["old"] else "")


def _differences(today: date) -> Tile:
    found = TopUpDifference.objects.filter(closed_at=None).aggregate(
        all=Count("pk"), oldest=Min("first_seen")
    )
    oldest = found["oldest"]
    detail = _("the oldest for %(days)s days") % {"days": (today - oldest).days} if oldest else ""
    url = list_url("accounts_topupdifference", "?open=1")
    return Tile(_("Differences open"), found["all"], detail, url, "bad" if found["all"] else "good")


def _batches() -> Tile:
    count = SubsidyBatch.objects.filter(state=SubsidyBatch.State.UPLOADED).count()
    return Tile(
        _("Subsidy batches to approve"),
        count,
        "",
        list_url("accounts_subsidybatch", "?state__exact=uploaded"),
    )


def _merchants_to_pay() -> Tile:
    states = PayoutBatch.State
    waiting = PayoutBatch.objects.filter(state__in=[states.DRAFTED, states.PROPOSED, states.APPROVED])
    detail = _("%(count)s to be approved") % {"count": waiting.filter(state=states.PROPOSED).count()}
    return Tile(_("Payouts not sent"), waiting.count(), detail, list_url("settlement_payoutbatch"))


def _suspense(today: date) -> Tile:
    items = open_items()
    oldest = items.values_list("opened_on", flat=True).first()
    detail = _("the oldest for %(days)s days") % {"days": (today - oldest).days} if oldest else ""
    url = list_url("settlement_suspenseitem", "?stands=open")
    return Tile(_("In suspense at the bank"), items.count(), detail, url, "bad" if oldest else "good")


def _agents() -> Tile:
    near = list(agents_near_limit())
    names = "、".join(agent.name for agent in near[:3])
    return Tile(
        _("Agents near their credit"), len(near), names, list_url("accounts_agent"), "bad" if near else ""
    )


def _flags() -> Tile:
    count = flagged_cards().count()
    url = list_url("accounts_cardflag", "?cleared_at__isempty=1")
    return Tile(_("Cards under suspicion"), count, "", url, "bad" if count else "")


def _alerts(today: date) -> Tile:
    alerts = open_alerts()
    late = alerts.filter(review_by__lt=today).count()
    detail = _("%(late)s overdue") % {"late": late} if late else _("none is late")
    url = list_url("accounts_riskalert", "?waits=late" if late else "?waits=review")
    return Tile(_("Risk alerts to review"), alerts.count(), detail, url, "bad" if late else "")


def _appeals(today: date) -> Tile:
    appeals = open_appeals()
    late = appeals.filter(due_on__lt=today).count()
    detail = _("%(late)s overdue") % {"late": late} if late else _("none is late")
    url = list_url("terminals_hotlistappeal", "?state__exact=open")
    return Tile(_("Objections to decide"), appeals.count(), detail, url, "bad" if late else "")


def _held() -> Tile:
    waiting = waiting_purchases()
    oldest = waiting.first()
    days = age_days(oldest, timezone.now()) if oldest else 0
    detail = _("the oldest for %(days)s days") % {"days": days} if oldest else ""
    url = list_url("terminals_waitingpurchase")
    return Tile(
        _("Purchases to be decided"), waiting.count(), detail, url, "bad" if days >= BUCKETS[-1] else ""
    )


def _proofs() -> Tile:
    days = unproved_days()
    detail = _("the oldest is %(date)s") % {"date": days[0]} if days else ""
    return Tile(
        _("Dates to prove"), len(days), detail, list_url("settlement_proofhead"), "bad" if days else "good"
    )


def _counters() -> list[Tile]:
    waiting = "?state__exact=proposed"
    counts, reversals = (
        kind.objects.filter(state="proposed").count() for kind in (DrawerCount, CounterReversal)
    )
    return [
        Tile(_("Counts of drawers"), counts, "", list_url("accounts_drawercount", waiting)),
        Tile(_("Same-day reversals"), reversals, "", list_url("accounts_counterreversal", waiting)),
    ]


def _account_changes() -> Tile:
    count = AccountChange.objects.filter(state=AccountChange.State.PROPOSED).count()
    return Tile(
        _("Account changes to approve"), count, "", list_url("staff_accountchange", "?state__exact=proposed")
    )


_LISTS: Final[tuple[tuple[str, Callable[[date], list[Tile]]], ...]] = (
    ("settlement.view_clearingrun", lambda today: _late_days()),
    ("accounts.view_refund", lambda today: [_refunds(today), _payouts()]),
    ("accounts.view_topuporder", lambda today: [_loads()]),
    ("accounts.view_topupdifference", lambda today: [_differences(today)]),
    ("accounts.view_subsidybatch", lambda today: [_batches()]),
    ("settlement.view_payoutbatch", lambda today: [_merchants_to_pay(), _suspense(today)]),
    ("accounts.view_agent", lambda today: [_agents()]),
    ("accounts.view_cardflag", lambda today: [_flags()]),
    ("office.check_drawer", lambda today: _counters()),
    ("accounts.view_riskalert", lambda today: [_alerts(today)]),
    ("privacy.view_accessquestion", lambda today: [access_questions(today)]),
    ("privacy.view_erasurerequest", lambda today: [corrections(today), erasures(today)]),
    ("terminals.view_hotlistappeal", lambda today: [_appeals(today)]),
    ("terminals.view_waitingpurchase", lambda today: [_held()]),
    ("settlement.view_proofhead", lambda today: [_proofs()]),
    ("staff.approve_accountchange", lambda today: [_account_changes()]),
    *SETTLEMENT_LISTS,
)
"""What each permission shows."""
