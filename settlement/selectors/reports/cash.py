"""The counter's cash: its drawer, who took in and paid out, and what kiosks were short or over."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.models import Chart
from citizencard.core.calendar import SHANGHAI
from settlement.selectors.reports.frame import Report, Section, count, fen, text
from settlement.selectors.reports.scope import Scope, fetched, over

_CASH: Final = """
SELECT coalesce(sum(CASE WHEN leg.day < %(first)s THEN leg.fen END), 0)::bigint,
    coalesce(sum(CASE WHEN leg.day >= %(first)s AND leg.fen > 0 THEN leg.fen END), 0)::bigint,
    coalesce(-sum(CASE WHEN leg.day >= %(first)s AND leg.fen < 0 THEN leg.fen END), 0)::bigint
FROM accounts_ledgeraccount AS cash
JOIN LATERAL (
    SELECT business_date AS day, unnest(ARRAY[debit_fen, -credit_fen]) AS fen FROM accounts_tally
    WHERE account_id = cash.id AND business_date <= %(last)s
) AS leg ON true
WHERE cash.code = %(cash)s
"""
_CLERKS: Final = """
SELECT journal.actor, count(DISTINCT journal.id), coalesce(sum(leg.fen) FILTER (WHERE leg.fen > 0), 0)::bigint,
    coalesce(-sum(leg.fen) FILTER (WHERE leg.fen < 0), 0)::bigint, sum(leg.fen)::bigint
FROM accounts_ledgeraccount AS cash
JOIN LATERAL (
    SELECT journal_id, amount_fen AS fen FROM accounts_transfer WHERE debit_id = cash.id AND business_date BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT journal_id, -amount_fen FROM accounts_transfer WHERE credit_id = cash.id AND business_date BETWEEN %(first)s AND %(last)s
) AS leg ON true
JOIN accounts_journal AS journal ON journal.id = leg.journal_id
WHERE cash.code = %(cash)s GROUP BY journal.actor ORDER BY journal.actor COLLATE "C"
"""
_DRAWERS: Final = """
SELECT drawer.clerk || ' #' || drawer.id, hall.name, to_char(opened_at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI'),
    to_char(drawer.counted_at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI'), drawer.float_fen, moved.taken, moved.given,
    drawer.float_fen + moved.taken - moved.given, count.counted_fen, count.difference_fen
FROM accounts_drawersession AS drawer JOIN accounts_stockplace AS hall ON hall.id = hall_id
LEFT JOIN accounts_drawercount AS count ON count.session_id = drawer.id AND count.state <> 'refused'
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount_fen) FILTER (WHERE amount_fen > 0), 0)::bigint AS taken,
        coalesce(-sum(amount_fen) FILTER (WHERE amount_fen < 0), 0)::bigint AS given
    FROM accounts_drawerentry AS entry JOIN accounts_journal AS journal ON journal.id = entry.journal_id
    WHERE session_id = drawer.id AND journal.kind <> 'drawer_difference'
) AS moved
WHERE (opened_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s
ORDER BY opened_at, drawer.id
"""
_HANDED_OVER: Final = """
SELECT to_char(occurred_at AT TIME ZONE %(zone)s, 'YYYY-MM-DD HH24:MI'), account.code, actor, expected_fen, counted_fen, counted_fen - expected_fen
FROM accounts_remittance JOIN accounts_ledgeraccount AS account ON account.id = account_id
WHERE (occurred_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s AND account.chart = %(kiosk)s
ORDER BY occurred_at, accounts_remittance.id
"""


def cash_report(scope: Scope) -> Report:
    """The counter's cash, who took in and paid out, what their drawers held when counted, and what kiosks were short or over."""
    opening, taken, given = fetched(_CASH, scope, cash=Chart.COUNTER_CASH)[0]
    drawer = Section(
        title=_("The counter's cash"),
        columns=tuple(
            fen(title, summed=False)
            for title in (_("opening balance"), _("in"), _("out"), _("closing balance"))
        ),
        rows=[(opening, taken, given, opening + taken - given)],
    )
    clerks = Section(
        title=_("By clerk"),
        columns=(text(_("clerk")), count(_("journals")), fen(_("in")), fen(_("out")), fen(_("to hand over"))),
        rows=fetched(_CLERKS, scope, cash=Chart.COUNTER_CASH),
    )
    drawers = Section(
        title=_("Cash drawers"),
        columns=(
            text(_("cash drawer")), text(_("service hall")), text(_("opened at")), text(_("counted at")), fen(_("float")),
            fen(_("in")), fen(_("out")), fen(_("expected")), fen(_("counted")), fen(_("over or short")),
        ),
        rows=fetched(_DRAWERS, scope, zone=str(SHANGHAI)),
    )  # fmt: skip
    kiosks = Section(
        title=_("Kiosks emptied"),
        columns=(
            text(_("at")), text(_("kiosk")), text(_("clerk")), fen(_("expected")), fen(_("counted")), fen(_("over or short")),
        ),
        rows=fetched(_HANDED_OVER, scope, zone=str(SHANGHAI), kiosk=Chart.KIOSK_CASH),
    )  # fmt: skip
    return over(scope, "cash", _("Clerks' cash"), drawer, clerks, drawers, kiosks)
