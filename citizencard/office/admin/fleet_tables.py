"""What belongs to one terminal: its keys, events, heartbeats and uploads."""

from __future__ import annotations

from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from citizencard.core.calendar import shanghai
from citizencard.office.admin import field
from citizencard.office.tables import Table, at, columns
from terminals.models import Terminal
from terminals.selectors.fleet import fleet_policy

LATEST: Final = 30
_KEY_DIGITS: Final = 16


def keys_table(terminal: Terminal) -> Table:
    """Every key it ever signed with, newest first."""
    return Table(
        _("Keys"),
        [_("public key"), _("origin"), _("valid from"), _("valid until"), _("revoked at"), _("reason")],
        [
            [f"{str(key)[:_KEY_DIGITS]}…", key.get_origin_display(), at(key.valid_from), at(key.valid_until),
             at(key.revoked_at), key.revoked_reason or "–"]
            for key in terminal.keys.order_by("-pk")[:LATEST]
        ],
        note=_key_note(terminal),
    )  # fmt: skip


def _key_note(terminal: Terminal) -> str:
    now = timezone.now()
    code = terminal.enrolment_codes.filter(used_at=None, expires_at__gt=now).order_by("-pk").first()
    if code is None:
        return ""
    told = {"until": at(code.expires_at), "name": code.created_by}
    return _("An enrolment code of %(name)s is open until %(until)s.") % told


def policy_table(terminal: Terminal) -> Table:
    """By which policy it is judged silent, without trade, or with an old list."""
    policy = fleet_policy(terminal.kind, shanghai(timezone.now()).date())
    return Table(
        _("Asked after by"),
        [_("silent after (hours)"), _("without trade after (days)"), _("list old after (minutes)"),
         _("valid from"), _("legal basis")],
        [
            [each.silent_hours, each.zero_trade_days, each.list_minutes, each.valid_from, each.legal_basis]
            for each in [policy] if each is not None
        ],
        columns(0, 1, 2),
    )  # fmt: skip


def events_table(terminal: Terminal) -> Table:
    """What it had to tell, newest first."""
    return Table(
        _("Events"),
        [_("occurred at"), _("kind"), _("times"), _("card number"), _("detail"), _("received at")],
        [
            [at(event.occurred_at), event.get_kind_display(), event.times, event.card_no or "–",
             event.detail or "–", at(event.received_at)]
            for event in terminal.events.order_by("-number")[:LATEST]
        ],
        columns(2),
    )  # fmt: skip


def heartbeats_table(terminal: Terminal) -> Table:
    """What it told of itself, an hour a line."""
    return Table(
        _("Heartbeats"),
        [_("hour"), _("firmware"), _("SAM key version"), _("parameters"), _("tariff"), _("hot list"), _("clock"),
         _("records waiting")],
        [
            [at(beat.hour), beat.firmware, beat.sam_key_version, beat.parameter_version or "–",
             beat.tariff_version or "–", beat.hot_list_version, drift_words(beat.drift_ms), beat.waiting_records]
            for beat in terminal.heartbeats.order_by("-hour")[:LATEST]
        ],
        columns(2, 5, 6, 7),
    )  # fmt: skip


def batches_table(terminal: Terminal) -> Table:
    """Its latest uploads."""
    return field.batches_table(list(terminal.batches.order_by("-pk")[:LATEST]))


def drift_words(drift_ms: int | None) -> str:
    """A clock's drift in seconds with its sign; a dash where it never told."""
    if drift_ms is None:
        return "–"
    return f"{drift_ms / 1000:+,.1f} s".replace("-", "−")
