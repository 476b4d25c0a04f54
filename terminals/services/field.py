"""The field: merchants and terminals are registered here, before a terminal may say anything.

All of it is idempotent: registering again with the same data returns what is there.
"""

from __future__ import annotations

import re
from typing import Final

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Chart
from accounts.services.ledger import open_account
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from terminals.counties import checked_county
from terminals.errors import SiteWrong, TariffWrong, TerminalTaken
from terminals.models import (
    Channel,
    Merchant,
    Place,
    Tariff,
    Terminal,
    TerminalKey,
    TerminalKind,
)
from terminals.services.fares import publish_tariff
from terminals.services.keys import add_key
from terminals.wire.lists import MAX_VERSION

__all__ = [
    "note_seen",
    "publish_tariff",
    "register_merchant",
    "register_terminal",
]

KEY_BYTES: Final = 32
"""A raw Ed25519 public key."""
_APPLIED: Final = """
INSERT INTO terminals_listapplied (terminal_id, version, applied_at)
SELECT %(terminal)s, version, %(now)s FROM terminals_hotlistversion
WHERE version = %(version)s AND version IS DISTINCT FROM (
    SELECT version FROM terminals_listapplied WHERE terminal_id = %(terminal)s ORDER BY id DESC LIMIT 1)
"""
REGISTRAR: Final = "city"
"""Who the audit trail names where nobody asked: the city itself, being founded."""
_KIND_OF_CHANNEL: Final = {
    Channel.BUS: TerminalKind.VALIDATOR,
    Channel.METRO: TerminalKind.GATE,
    Channel.PARKING: TerminalKind.BARRIER,
    Channel.BIKE: TerminalKind.GATE,
}


@transaction.atomic
def register_merchant(*, code: str, name: str, channel: str, county: str = "") -> Merchant:
    """A party to be paid, with its payable and settlement accounts. Raises InvalidField; Conflict when the code is taken.

    One that is on record moves to the `county` named.
    """
    if channel not in Channel.values:
        raise InvalidField("channel", channel)
    data, county = {"name": name, "channel": channel}, checked_county(county)
    found = Merchant.objects.filter(code=code).first()
    if found is None:
        accounts = {
            "payable": open_account(chart=Chart.MERCHANT_PAYABLE, owner=code, name=name),
            "settlement": open_account(chart=Chart.SETTLEMENT_PAYABLE, owner=code, name=name),
        }
        return Merchant.objects.create(code=code, county=county, **data, **accounts)
    if any(getattr(found, field) != value for field, value in data.items()):
        raise Conflict(what=code)
    if county not in ("", found.county):
        found.county = county
        found.save(update_fields=["county"])
    return found


@transaction.atomic
def register_terminal(
    *,
    code: str,
    merchant: Merchant,
    place: str,
    tariff_code: str,
    terminal_no: str,
    public_key: bytes | None = None,
    kind: str | None = None,
    serial: str = "",
    site: Place | None = None,
    actor: str = REGISTRAR,
) -> Terminal:
    """A device on record: `terminal_no` is its SAM's (12 hex digits), `kind` by default what the merchant's channel uses.

    It waits for its enrolment (:mod:`.enrolment`); with `public_key` (raw Ed25519, 32 bytes), which staff have taken from
    the device, it may upload at once. Raises InvalidField, TariffWrong when no tariff has the code, SiteWrong for another
    merchant's place, TerminalTaken when code, SAM or key stand for another one.
    """
    kind = kind or _KIND_OF_CHANNEL.get(Channel(merchant.channel), TerminalKind.POS)
    if kind not in TerminalKind.values:
        raise InvalidField("kind", kind)
    if not re.fullmatch(r"[0-9A-F]{12}", terminal_no):
        raise InvalidField("terminal_no", "12 upper-case hexadecimal digits")
    if public_key is not None and len(public_key) != KEY_BYTES:
        raise InvalidField("public_key", f"{KEY_BYTES} bytes")
    if not Tariff.objects.filter(code=tariff_code).exists():
        raise TariffWrong(code=tariff_code, reason="unknown")
    if site is not None and site.merchant_id != merchant.pk:
        raise SiteWrong(place=site.code)
    found = Terminal.objects.filter(Q(code=code) | Q(terminal_no=terminal_no)).first()
    if found is not None:
        known = (found.code, found.merchant_id, found.terminal_no)
        same_key = public_key is None or found.keys.filter(public_key=public_key).exists()
        if known != (code, merchant.pk, terminal_no) or not same_key:
            raise TerminalTaken(code=code)
        return found
    terminal = Terminal.objects.create(
        code=code,
        kind=kind,
        serial=serial,
        merchant=merchant,
        place=place,
        site=site,
        tariff_code=tariff_code,
        terminal_no=terminal_no,
    )
    if public_key is not None:
        add_key(terminal=terminal, public_key=public_key, origin=TerminalKey.Origin.INSTALLED)
        terminal.activate()
        terminal.save(update_fields=["state"])
    record_audit(
        actor=actor,
        action="terminal.register",
        subject=f"terminal:{code}",
        detail={"terminal_no": terminal_no, "merchant": merchant.code, "state": terminal.state},
    )
    return terminal


def note_list_applied(*, terminal: Terminal, version: int) -> None:
    """The terminal says that it applies this version. Nothing is written while it says the same as before."""
    if not 0 < version <= MAX_VERSION or version == terminal.hot_list_version:
        return
    with transaction.atomic():
        if record_applied(terminal=terminal, version=version):
            now = timezone.now()
            Terminal.objects.filter(pk=terminal.pk).update(hot_list_version=version, hot_list_at=now)


def record_applied(*, terminal: Terminal, version: int) -> bool:
    """Write down what the terminal says it applies, if that is news; whether it was.

    A version that was never published is none of ours.
    """
    with connection.cursor() as cursor:
        cursor.execute(_APPLIED, {"terminal": terminal.pk, "version": version, "now": timezone.now()})
        return bool(cursor.rowcount)


def note_seen(*, terminal: Terminal) -> None:
    """The terminal made itself heard."""
    Terminal.objects.filter(pk=terminal.pk).update(seen_at=timezone.now())
