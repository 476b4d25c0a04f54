"""The office's first page: where the city stands today, as far as the reader's role may know."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Card, Citizen, TopUpOrder
from accounts.selectors.balances import trial_balance
from citizencard.core.models import BusinessDay
from citizencard.office.chart import day_columns
from citizencard.office.tables import yuan
from citizencard.office.tiles import Tile, list_url
from citizencard.office.waiting import waiting_tiles
from settlement.models import ClearingRun
from terminals.models import Batch, HotListEntry
from terminals.selectors.fleet import fleet_marks, fleet_summary

COUNTS = ("accepted", "suspended", "duplicate", "rejected")
CHART_DAYS = 14
BOOKS_SECONDS = 60  # the whole ledger is summed; not on every look at the page


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the index page: what waits, a group of tiles per permission, and the records of the last days as a chart."""
    may = request.user.has_perm
    tiles = []
    if may("core.view_businessday"):
        tiles += _day()
    if may("settlement.view_clearingrun"):
        tiles += _clearing()
    if may("office.view_finance_report"):
        tiles += _books()
    if may("accounts.view_card"):
        tiles += _cards()
    if may("terminals.view_terminal"):
        tiles += _field()
    if may("accounts.view_citizen"):
        tiles.append(Tile(_("Citizens"), Citizen.objects.count(), "", list_url("accounts_citizen")))
    chart = day_columns(_recent_days()) if may("terminals.view_batch") else []
    return {**context, "waiting": waiting_tiles(request), "tiles": tiles, "chart": chart}


def _counts(days: Iterable[date]) -> dict[date, dict[str, int]]:
    """Records by outcome of each day, one query for all of them."""
    days = list(days)
    sums = {name: Sum(name, default=0) for name in COUNTS}
    groups = Batch.objects.filter(business_date__in=days).values("business_date").annotate(**sums)
    rows = groups.values_list("business_date", *COUNTS)
    found = {day: dict(zip(COUNTS, map(int, counts), strict=True)) for day, *counts in rows}
    return {day: found.get(day, dict.fromkeys(COUNTS, 0)) for day in days}


def _recent_days() -> list[tuple[date, dict[str, int]]]:
    days = BusinessDay.objects.order_by("-date").values_list("date", flat=True)[:CHART_DAYS]
    return sorted(_counts(days).items())


def _day() -> list[Tile]:
    day = BusinessDay.objects.filter(state=BusinessDay.State.OPEN).first()
    if day is None:
        return [Tile(_("Business day"), "–", _("none is open"), list_url("core_businessday"), "bad")]
    counts = _counts([day.date])[day.date]
    batches = list_url(
        "terminals_batch", f"?business_date__gte={day.date}&business_date__lt={day.date + timedelta(1)}"
    )
    other = _("%(suspended)s suspended, %(duplicate)s duplicate, %(rejected)s rejected") % counts
    return [
        Tile(
            _("Open business day"),
            day.date.isoformat(),
            "",
            reverse("admin:core_businessday_change", args=[day.pk]),
        ),
        Tile(_("Records received"), f"{sum(counts.values()):,}", _("in the open day"), batches),
        Tile(_("Accepted"), f"{counts['accepted']:,}", other, batches, "good"),
    ]


def _clearing() -> list[Tile]:
    run = ClearingRun.objects.order_by("-business_date").first()
    if run is None:
        return [Tile(_("Last clearing"), "–", _("no day has been cleared yet"))]
    url = reverse("admin:settlement_clearingrun_change", args=[run.pk])
    net = _("¥%(net)s net, ¥%(fee)s fees") % {"net": yuan(run.net_fen), "fee": yuan(run.fee_fen)}
    cleared = run.state == ClearingRun.State.CLEARED
    name = _("Last clearing %(date)s") % {"date": run.business_date}
    return [Tile(name, run.get_state_display(), net, url, "good" if cleared else "bad")]


def _books() -> list[Tile]:
    difference = cache.get_or_set("office.trial_balance_difference", _difference_fen, BOOKS_SECONDS) or 0
    detail = _("debits and credits are equal") if difference == 0 else _("the ledger does not balance")
    tone = "good" if difference == 0 else "bad"
    return [
        Tile(_("Trial balance difference"), yuan(difference), detail, reverse("admin:trial_balance"), tone)
    ]


def _difference_fen() -> int:
    return sum(row.debit_fen - row.credit_fen for row in trial_balance())


def _cards() -> list[Tile]:
    active = Card.objects.filter(state=Card.State.ACTIVE).count()
    lost = HotListEntry.objects.filter(removed_at=None).count()
    waiting = TopUpOrder.objects.filter(state__in=[TopUpOrder.State.PAID, TopUpOrder.State.LOADED]).count()
    hot = _("%(count)s on the hot list") % {"count": lost}
    return [
        Tile(_("Active cards"), f"{active:,}", hot, list_url("accounts_card", "?state__exact=active")),
        Tile(
            _("Top-ups to be loaded"),
            waiting,
            _("paid, not on the chip yet"),
            list_url("accounts_topuporder"),
        ),
    ]


def _field() -> list[Tile]:
    silent = sum(marks.silent for marks in fleet_marks(timezone.now()).values())
    detail = _("%(count)s silent") % {"count": silent}
    where = list_url("terminals_terminal", "?wrong=silent" if silent else "")
    return [Tile(_("Terminals"), fleet_summary().active, detail, where, "bad" if silent else "")]
