"""The field: merchants, tariffs and terminals are registered here, before a terminal may say anything.

All three are idempotent: registering again with the same data returns what is there.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Chart
from accounts.services.ledger import open_account
from citizencard.core.audit import record_audit
from citizencard.core.errors import Conflict, InvalidField
from terminals.errors import TariffWrong, TerminalTaken
from terminals.models import Channel, Merchant, Tariff, Terminal
from terminals.program.fares import FareError, parse_tariff

KEY_BYTES: Final = 32
"""A raw Ed25519 public key."""


@transaction.atomic
def register_merchant(*, code: str, name: str, channel: str, fee_basis_points: int) -> Merchant:
    """A party to be paid, with its payable and settlement accounts. Raises InvalidField; Conflict when the code is taken."""
    if channel not in Channel.values:
        raise InvalidField("channel", channel)
    data = {"name": name, "channel": channel, "fee_basis_points": fee_basis_points}
    found = Merchant.objects.filter(code=code).first()
    if found is None:
        accounts = {
            "payable": open_account(chart=Chart.MERCHANT_PAYABLE, owner=code, name=name),
            "settlement": open_account(chart=Chart.SETTLEMENT_PAYABLE, owner=code, name=name),
        }
        return Merchant.objects.create(code=code, **data, **accounts)
    if any(getattr(found, field) != value for field, value in data.items()):
        raise Conflict(what=code)
    return found


@transaction.atomic
def publish_tariff(
    *, code: str, name: str, kind: str, rule: dict[str, Any], valid_from: date, legal_basis: str
) -> Tariff:
    """A dated price; terminals get the version of their day. Raises TariffWrong; Conflict when the date has another one."""
    try:
        parse_tariff(kind, rule)
    except FareError as error:
        raise TariffWrong(code=code, reason=str(error)) from error
    data = {"name": name, "kind": kind, "rule": rule, "legal_basis": legal_basis}
    tariff, _ = Tariff.objects.get_or_create(code=code, valid_from=valid_from, defaults=data)
    if any(getattr(tariff, field) != value for field, value in data.items()):
        raise Conflict(what=f"{code} {valid_from}")
    return tariff


@transaction.atomic
def register_terminal(
    *, code: str, merchant: Merchant, place: str, tariff_code: str, terminal_no: str, public_key: bytes
) -> Terminal:
    """A device that may upload: `terminal_no` is its SAM's (12 hex digits), `public_key` raw Ed25519 (32 bytes).

    Raises InvalidField, TariffWrong when no tariff has the code, TerminalTaken when code or SAM stand for another one.
    """
    if not re.fullmatch(r"[0-9A-F]{12}", terminal_no):
        raise InvalidField("terminal_no", "12 upper-case hexadecimal digits")
    if len(public_key) != KEY_BYTES:
        raise InvalidField("public_key", f"{KEY_BYTES} bytes")
    if not Tariff.objects.filter(code=tariff_code).exists():
        raise TariffWrong(code=tariff_code, reason="unknown")
    found = Terminal.objects.filter(Q(code=code) | Q(terminal_no=terminal_no)).first()
    if found is None:
        return Terminal.objects.create(
            code=code,
            merchant=merchant,
            place=place,
            tariff_code=tariff_code,
            terminal_no=terminal_no,
            public_key=public_key,
        )
    known = (found.code, found.merchant_id, found.terminal_no, bytes(found.public_key))
    if known != (code, merchant.pk, terminal_no, public_key):
        raise TerminalTaken(code=code)
    return found


@transaction.atomic
def revoke_terminal(*, terminal: Terminal, actor: str, reason: str) -> None:
    """From now on the terminal's signature counts for nothing. Audited."""
    Terminal.objects.filter(pk=terminal.pk).update(state=Terminal.State.REVOKED)
    record_audit(actor=actor, action="revoke_terminal", subject=terminal.code, detail={"reason": reason})


def note_hot_list_taken(*, terminal: Terminal, version: int) -> None:
    """The terminal was given this version of the hot list; never moves back."""
    Terminal.objects.filter(pk=terminal.pk, hot_list_version__lt=version).update(hot_list_version=version)


def note_seen(*, terminal: Terminal) -> None:
    """The terminal made itself heard."""
    Terminal.objects.filter(pk=terminal.pk).update(seen_at=timezone.now())
