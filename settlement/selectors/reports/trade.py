"""Reports on trade, made of roll-ups: one period by day, merchant, line, channel, product or county, all of it or a part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django_stubs_ext import StrOrPromise

from settlement.selectors.reports.frame import Cell, Column, Lead, Report, Section, count, fen, text
from settlement.selectors.reports.scope import UNKNOWN, Scope, fetched, over
from terminals.counties import county_name
from terminals.models import Channel

_SUMS: Final = """
    sum(taps)::bigint AS taps, sum(taps_fen)::bigint AS taps_fen, sum(online)::bigint AS online, sum(online_fen)::bigint AS online_fen,
    sum(subsidy_fen)::bigint AS subsidy_fen, sum(refund_fen)::bigint AS refund_fen,
    (sum(taps_fen) + sum(online_fen) + sum(subsidy_fen) - sum(refund_fen))::bigint AS gross_fen,
    sum(fee_fen)::bigint AS fee_fen, sum(adjusted_fen)::bigint AS adjusted_fen,
    sum(suspended_taps)::bigint AS suspended_taps, sum(suspended_fen)::bigint AS suspended_fen
"""
_QUERY: Final = """
SELECT part.*, {code}, {name} FROM (
    SELECT {group} AS id, {sums} FROM settlement_rolluprow
    WHERE run_id BETWEEN %(first)s AND %(last)s {only} GROUP BY 1
) AS part {join} ORDER BY {code} COLLATE "C" NULLS LAST
"""
# How one value of a dimension is asked for by its code, and how what has none.
_ONLY: Final = {
    "merchant": "AND merchant_id = (SELECT id FROM terminals_merchant WHERE code = %(merchant)s)",
    "line": "AND line_id = (SELECT id FROM terminals_line WHERE code = %(line)s)",
    "channel": "AND channel = %(channel)s",
    "product": "AND product_id = %(product)s",
    "county": "AND county = %(county)s",
}
_UNKNOWN: Final = {
    "line": "AND line_id IS NULL",
    "product": "AND product_id IS NULL",
    "county": "AND county = ''",
}
DIMENSIONS: Final = tuple(_ONLY)
_OF_MERCHANTS: Final = frozenset({"merchant", "channel"})
"""Fees and adjustments are a merchant's: they are told apart by these, and by date, and by nothing else."""

_DRAWN: Final = frozenset({"day", "channel", "county"})
_TRADED: Final = (
    count(gettext_lazy("card taps")),
    fen(gettext_lazy("by taps")),
    count(gettext_lazy("online payments")),
    fen(gettext_lazy("online amount")),
    fen(gettext_lazy("subsidies")),
    fen(gettext_lazy("given back")),
    fen(gettext_lazy("gross")),
)
_EARNED: Final = (fen(gettext_lazy("fee")), fen(gettext_lazy("adjustments")), fen(gettext_lazy("net")))
_HELD: Final = (count(gettext_lazy("suspended taps")), fen(gettext_lazy("suspended amount")))


@dataclass(frozen=True, slots=True)
class Part:
    """What one value of a dimension comes to: `key` is its code (a date's ISO form), `name` what it is called. Amounts in fen."""

    key: str
    name: str
    taps: int
    taps_fen: int
    online: int
    online_fen: int
    subsidy_fen: int
    refund_fen: int
    gross_fen: int
    fee_fen: int
    adjusted_fen: int
    suspended_taps: int
    suspended_fen: int

    @property
    def net_fen(self) -> int:
        """What is paid out of it."""
        return self.gross_fen - self.fee_fen + self.adjusted_fen


@dataclass(frozen=True, slots=True)
class _By:
    """How a dimension is grouped and named."""

    title: StrOrPromise
    columns: tuple[Column, ...]
    group: str
    code: str
    name: str = "''"
    join: str = ""


_BY: Final[Mapping[str, _By]] = {
    "day": _By(gettext_lazy("By day"), (text(gettext_lazy("business date")),), "run_id", "id::text"),
    "merchant": _By(
        gettext_lazy("By merchant"),
        (text(gettext_lazy("code")), text(gettext_lazy("merchant"))),
        "merchant_id", "named.code", "named.name", "JOIN terminals_merchant AS named ON named.id = part.id",
    ),
    "line": _By(
        gettext_lazy("By line"),
        (text(gettext_lazy("code")), text(pgettext_lazy("transit", "line"))),
        "line_id", "named.code", "named.name", "LEFT JOIN terminals_line AS named ON named.id = part.id",
    ),
    "channel": _By(gettext_lazy("By channel"), (text(gettext_lazy("channel")),), "channel", "id"),
    "product": _By(
        gettext_lazy("By card product"),
        (text(gettext_lazy("code")), text(gettext_lazy("card product"))),
        "product_id", "named.code", "named.name", "LEFT JOIN accounts_cardproduct AS named ON named.code = part.id",
    ),
    "county": _By(
        gettext_lazy("By county"), (text(gettext_lazy("code")), text(gettext_lazy("county"))), "county", "id"
    ),
}  # fmt: skip


def parts(scope: Scope, by: str) -> list[Part]:
    """What the scope's trade comes to by one dimension, in the order of codes; the unknown last. One statement."""
    how = _BY[by]
    query = _QUERY.format(
        sums=_SUMS, group=how.group, code=how.code, name=how.name, join=how.join,
        only=" ".join((_UNKNOWN if value == UNKNOWN else _ONLY)[each] for each, value in scope.only.items()),
    )  # fmt: skip
    return [_part(by, row) for row in fetched(query, scope, **scope.only)]


def by_dimension(scope: Scope, by: str, *, code: str, title: StrOrPromise) -> Report:
    """The report of the scope's trade by one dimension."""
    facts = tuple((_TITLES[each], _named(each, value)) for each, value in scope.terms)
    return over(scope, code, title, _section(scope, by), facts=facts)


_TITLES: Final[Mapping[str, StrOrPromise]] = {
    "merchant": gettext_lazy("merchant"),
    "line": pgettext_lazy("transit", "line"),
    "channel": gettext_lazy("channel"),
    "product": gettext_lazy("card product"),
    "county": gettext_lazy("county"),
}


def _section(scope: Scope, by: str) -> Section:
    how, found = _BY[by], parts(scope, by)
    earns = {by, *scope.only} <= _OF_MERCHANTS | {"day"}
    return Section(
        title=how.title,
        columns=(*how.columns, *_TRADED, *(_EARNED if earns else ()), *_HELD),
        rows=[(*_labels(by, part), *_figures(part, earns=earns)) for part in found],
        leads=[_lead(scope, by, part.key) for part in found],
        drawn=(len(how.columns) - 1, len(how.columns) + len(_TRADED) - 1) if by in _DRAWN else None,
        note="" if earns else gettext_lazy("Fees are a merchant's and are not split among its lines, cards and counties."),
    )  # fmt: skip


def _figures(part: Part, *, earns: bool) -> tuple[int, ...]:
    traded = (
        part.taps, part.taps_fen, part.online, part.online_fen, part.subsidy_fen, part.refund_fen, part.gross_fen,
    )  # fmt: skip
    earned = (part.fee_fen, part.adjusted_fen, part.net_fen) if earns else ()
    return (*traded, *earned, part.suspended_taps, part.suspended_fen)


def _labels(by: str, part: Part) -> tuple[Cell, ...]:
    if by in ("day", "channel"):
        return (part.name,)
    return (part.key, part.name)


def _lead(scope: Scope, by: str, key: str) -> Lead:
    """A day's way down is its merchants, a merchant's its statements, another one's its days."""
    if by == "day":
        return Lead("merchants" if scope.only else "day", (("day", key), *scope.terms))
    if by == "merchant":
        return Lead("statement" if scope.is_day else "merchant", (scope.period, ("merchant", key)))
    narrowed = Scope(scope.first, scope.last, {**scope.only, by: key})
    return Lead("merchants" if scope.is_day else "month", (scope.period, *narrowed.terms))


def _part(by: str, row: tuple[Any, ...]) -> Part:
    key, *figures, code, name = row
    if by == "day":
        code = name = date.isoformat(key)
    elif by == "channel":
        name = str(Channel(key).label)
    elif by == "county":
        name = key and (county_name(key) or key)
    return Part(code or UNKNOWN, name or _unknown(by), *figures)


def _unknown(by: str) -> str:
    return {
        "line": pgettext("transit", "on no line"),
        "product": _("by no card"),
        "county": _("in no county"),
    }.get(by, "")


def _named(dimension: str, value: str) -> str:
    """A value as people know it, for the head of the report."""
    if dimension == "channel":
        return str(dict(Channel.choices).get(value, value))
    if dimension == "county" and value != UNKNOWN:
        return f"{county_name(value)} {value}"
    return _unknown(dimension) if value == UNKNOWN else value
