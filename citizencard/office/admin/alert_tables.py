"""The tables under a risk alert: its evidence, and the parameters it goes by."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from accounts.models import RiskAlert
from citizencard.office.tables import Table, at, columns, link, yuan
from terminals.models import Tap
from terminals.selectors.risk_evidence import evidence_of

_THRESHOLDS: Final[dict[str, StrOrPromise]] = {
    "minutes": _("within minutes"),
    "taps_max": _("taps at most"),
    "fen_max": _("fen at most"),
    "look_back_days": _("days looked back"),
    "kmh_max": _("km/h at most"),
    "metres_min": _("metres at least"),
    "tolerance_seconds": _("clocks off by seconds"),
    "tolerance_minutes": _("clocks off by minutes"),
    "counters_max": _("counters missing at most"),
    "terminal_max": _("of a terminal at most"),
    "card_max": _("of a card at most"),
    "officer_max": _("of a member of staff at most"),
    "payee_max": _("cards of a payee at most"),
    "merchant_max": _("of a merchant at most"),
    "kinds": _("card kinds"),
    "apart_seconds": _("seconds apart at least"),
    "near_fen": _("near the limit from (fen)"),
    "limit_fen": _("limit (fen)"),
    "times": _("times"),
    "hours": _("trading hours"),
}
"""The names of thresholds for people."""


def evidence_tables(alert: RiskAlert) -> list[Table]:
    """Those kinds of evidence that the alert has."""
    found = evidence_of(alert)
    taps = [
        (
            at(seen.tap.occurred_at), seen.terminal, seen.tap.terminal_seq, seen.tap.atc, yuan(seen.tap.amount_fen),
            yuan(seen.tap.balance_fen), Tap.Outcome(seen.tap.outcome).label, seen.tap.business_date,
        )
        for seen in found.taps
    ]  # fmt: skip
    headings = [
        _("time"), _("terminal"), _("terminal sequence"), _("offline ATC"), _("amount (yuan)"), _("chip balance after (yuan)"),
        _("outcome"), _("business date"),
    ]  # fmt: skip
    tables = [
        Table(_("Evidence"), headings, taps, columns(2, 3, 4, 5)),
        Table(
            _("Refused records"),
            [_("received at"), _("reason code"), _("batch"), _("line")],
            [(at(row.received_at), row.code, row.batch_id, row.line) for row in found.refusals],
        ),
        Table(
            _("Top-ups"),
            [_("paid at"), _("order number"), _("amount (yuan)"), _("channel")],
            [
                (at(row.paid_at), link(row), yuan(row.amount_fen), row.get_channel_display())
                for row in found.orders
            ],
            columns(2),
        ),
        Table(
            _("Refunds"),
            [_("requested at"), _("refund"), _("requested by"), _("state")],
            [
                (at(row.requested_at), link(row), row.requested_by, row.get_state_display())
                for row in found.refunds
            ],
        ),
        Table(
            _("Payments given back"),
            [_("occurred at"), _("idempotency key"), _("amount (yuan)"), _("reason")],
            [
                (at(row.occurred_at), row.key, yuan(row.amount_fen), row.reason)
                for row in found.payment_refunds
            ],
            columns(2),
        ),
    ]
    return [table for table in tables if table.rows]


def parameters_table(alert: RiskAlert) -> Table:
    """The thresholds in force on the date, what follows, and why."""
    terms = alert.parameters
    rows: list[tuple[Any, Any]] = [
        (gettext("valid from"), terms.valid_from),
        *((_THRESHOLDS.get(name, name), value) for name, value in terms.values.items()),
        (gettext("payout waits for the review"), gettext("yes") if terms.blocks_payout else gettext("no")),
        (gettext("candidate for"), terms.get_candidate_display()),
        (gettext("legal basis"), terms.legal_basis),
    ]
    return Table(_("risk parameters"), [_("figure"), _("value")], rows)
