"""The fleet in service: suspend, resume, revoke and retire a terminal, and keep what it tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from citizencard.core.states import step_to
from terminals.errors import EventNumberReused, IllegalTerminalStep
from terminals.models import FleetPolicy, Heartbeat, Terminal, TerminalEvent, TerminalKind
from terminals.services.field import record_applied
from terminals.services.keys import lock_terminal, revoke_keys

_State = Terminal.State
POLICY_DATA: Final = ("silent_hours", "zero_trade_days", "list_minutes", "legal_basis")


def suspend_terminal(*, terminal: Terminal, actor: str, reason: str) -> Terminal:
    """Out of service: it takes no cards from its next contact on, and may still hand in what it has. Audited.

    Raises IllegalTerminalStep, as all steps here do.
    """
    return _step(terminal, Terminal.suspend, _State.SUSPENDED, "terminal.suspend", actor, reason)


def resume_terminal(*, terminal: Terminal, actor: str, reason: str) -> Terminal:
    """Back in service, by the keys it had. Audited. A registered terminal becomes active by enrolment alone."""
    if terminal.state == _State.REGISTERED:
        raise IllegalTerminalStep(source=_State.REGISTERED.label, target=_State.ACTIVE.label)
    return _step(terminal, Terminal.activate, _State.ACTIVE, "terminal.resume", actor, reason)


@transaction.atomic
def revoke_terminal(*, terminal: Terminal, actor: str, reason: str) -> Terminal:
    """From now on the terminal's signatures count for nothing. Audited; final."""
    ended = _step(terminal, Terminal.revoke, _State.REVOKED, "terminal.revoke", actor, reason)
    revoke_keys(terminal=ended, reason=reason)
    return ended


@transaction.atomic
def retire_terminal(*, terminal: Terminal, actor: str, reason: str) -> Terminal:
    """The device is at its end; its keys end with it. Audited; final."""
    ended = _step(terminal, Terminal.retire, _State.RETIRED, "terminal.retire", actor, reason)
    revoke_keys(terminal=ended, reason=reason)
    return ended


@transaction.atomic
def _step(
    terminal: Terminal,
    step: Callable[[Terminal], None],
    target: Terminal.State,
    action: str,
    actor: str,
    reason: str,
) -> Terminal:
    locked = lock_terminal(terminal)
    before = locked.state
    with step_to(target, IllegalTerminalStep):
        step(locked)
    locked.state_at, locked.state_reason = timezone.now(), reason
    locked.save(update_fields=["state", "state_at", "state_reason"])
    detail = {"before": before, "after": locked.state, "reason": reason}
    record_audit(actor=actor, action=action, subject=f"terminal:{locked.code}", detail=detail)
    return locked


@dataclass(frozen=True, slots=True)
class Told:
    """A heartbeat: the terminal's own word on itself. Versions are its own names for what it has; space in bytes."""

    firmware: str
    sam_key_version: int
    parameter_version: str
    tariff_version: str
    hot_list_version: int
    free_bytes: int
    waiting_records: int


@transaction.atomic
def take_heartbeat(*, terminal: Terminal, told: Told, clock: datetime) -> int:
    """Keep what the terminal tells, `clock` being its own time; how far that is ahead of ours, in milliseconds.

    The latest word stands with the terminal, the first of each hour in its history. The hot list version is what it
    applies now: that counts, even if a later one was given to it.
    """
    now = timezone.now()
    drift_ms = round((clock - now).total_seconds() * 1000)
    row = Terminal.objects.filter(pk=terminal.pk)
    row.exclude(hot_list_version=told.hot_list_version).update(hot_list_at=now)
    record_applied(terminal=terminal, version=told.hot_list_version)
    row.update(seen_at=now, told_at=now, drift_ms=drift_ms, **asdict(told))
    hour = now.replace(minute=0, second=0, microsecond=0)
    heartbeat = Heartbeat(terminal_id=terminal.pk, hour=hour, drift_ms=drift_ms, **asdict(told))
    Heartbeat.objects.bulk_create([heartbeat], ignore_conflicts=True)
    return drift_ms


@dataclass(frozen=True, slots=True)
class Event:
    """What a terminal has to tell, under a running number of its own; `kind` is one of TerminalEvent.Kind."""

    number: int
    kind: str
    occurred_at: datetime
    times: int
    card_no: str
    detail: str


@transaction.atomic
def take_events(*, terminal: Terminal, events: Sequence[Event]) -> int:
    """Keep the events that are new, and say how many were. Telling one again is no change.

    Raises EventNumberReused, and keeps nothing, when a number was told before with other content.
    """
    numbers = [event.number for event in events]
    told = TerminalEvent.objects.filter(terminal=terminal, number__in=numbers)
    before = told.count()
    rows = [TerminalEvent(terminal_id=terminal.pk, **asdict(event)) for event in events]
    TerminalEvent.objects.bulk_create(rows, ignore_conflicts=True)
    kept = {row["number"]: row for row in told.values(*Event.__slots__)}
    for event in events:
        if kept[event.number] != asdict(event):
            raise EventNumberReused(number=event.number)
    Terminal.objects.filter(pk=terminal.pk).update(seen_at=timezone.now())
    return len(kept) - before


@transaction.atomic
def publish_fleet_policy(
    *,
    kind: str,
    valid_from: date,
    silent_hours: int,
    zero_trade_days: int,
    list_minutes: int,
    legal_basis: str,
    actor: str,
) -> FleetPolicy:
    """From when on a kind of terminal is asked after; the version that began last by a date is in force. Audited.

    Publishing the same again changes nothing. Raises InvalidField; Conflict when the date has another version.
    """
    if kind not in TerminalKind.values:
        raise InvalidField("kind", kind)
    values = {
        "silent_hours": silent_hours,
        "zero_trade_days": zero_trade_days,
        "list_minutes": list_minutes,
        "legal_basis": legal_basis,
    }
    for field in POLICY_DATA[:3]:
        if values[field] < 1:  # type: ignore[operator]  # the three numbers
            raise InvalidField(field, _("at least 1"))
    if not legal_basis.strip():
        raise InvalidField("legal_basis", _("a policy needs a reason"))
    policy, new = FleetPolicy.objects.get_or_create(kind=kind, valid_from=valid_from, defaults=values)
    if any(getattr(policy, field) != value for field, value in values.items()):
        raise Conflict(what=f"{kind} {valid_from}")
    if new:
        record_audit(
            actor=actor,
            action="fleet_policy.publish",
            subject=f"fleet_policy:{kind}",
            detail={"valid_from": valid_from, **values},
        )
    return policy
