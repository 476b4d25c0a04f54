"""What an alert says to people: a sentence of its rule, made from the stored figures in the reader's language.

Nothing is kept in words: a sentence put better later is better for old alerts, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from accounts.models import RiskAlert, RiskRule
from citizencard.core.money import format_yuan

AUTOMATED_DECISIONS: Final = "中华人民共和国个人信息保护法第二十四条"
"""Automated decisions are transparent, explained on request, and nothing that weighs on a person is decided by them alone."""

_SENTENCES: Final[dict[str, StrOrPromise]] = {
    RiskRule.VELOCITY: _(
        "The card was used %(taps)s times for %(fen)s yuan within %(minutes)s minutes; "
        "at most %(taps_max)s times or %(fen_max)s yuan are usual."
    ),
    RiskRule.TRAVEL: _(
        "Two uses lie %(metres)s metres and %(seconds)s seconds apart; nobody travels faster than %(kmh_max)s km/h."
    ),
    RiskRule.CONFLICT: _(
        "Two different purchases carry the same counter of the chip, %(counter)s (%(counters)s such counters): "
        "there may be a copy of the chip."
    ),
    RiskRule.ROLLBACK: _(
        "Counter %(counter)s came %(minutes)s minutes before counter %(before)s, which a chip gives out earlier; "
        "clocks explain %(tolerance_minutes)s minutes."
    ),
    RiskRule.JUMP: _(
        "The chip's counter went from %(expected)s to %(counter)s: %(missing)s purchases are missing, "
        "more than %(counters_max)s."
    ),
    RiskRule.ABOVE_BOOKS: _(
        "The chip has %(chip_fen)s yuan left and paid %(claimed_fen)s yuan beyond its balance, while the books have "
        "%(books_fen)s yuan and %(loading_fen)s yuan on the way: %(excess_fen)s yuan nobody loaded."
    ),
    RiskRule.UNEXPLAINED: _(
        "Between two uses the chip's balance rose by %(risen_fen)s yuan; top-ups explain %(loaded_fen)s yuan."
    ),
    RiskRule.TAC: _("%(failures)s records with a wrong TAC on one day; up to %(limit)s happen by faults."),
    RiskRule.REFUNDS: _("%(refunds)s refunds on one day; up to %(limit)s are usual."),
    RiskRule.SHARING: _(
        "A concession card was used %(taps)s times within %(seconds)s seconds on %(vehicles)s vehicle(s): "
        "more than its holder alone can."
    ),
    RiskRule.SPLIT: _(
        "%(orders)s top-ups on one day came to %(fen)s yuan, each below %(limit_fen)s yuan and %(near)s of them from "
        "%(near_fen)s yuan on."
    ),
    RiskRule.NIGHT: _(
        "%(taps)s payments of %(fen)s yuan in all were taken outside the hours from %(opens)s to %(closes)s."
    ),
}


def explain(alert: RiskAlert) -> str:
    """What was found, in one sentence; amounts in yuan. Names nobody and no place."""
    known: Mapping[str, Any] = alert.parameters.values | alert.facts["figures"]
    shown = {name: format_yuan(value) if _is_money(name, value) else value for name, value in known.items()}
    return str(_SENTENCES[alert.rule]) % shown


def _is_money(name: str, value: object) -> bool:
    return isinstance(value, int) and (name == "fen" or name.endswith("_fen") or name == "fen_max")
