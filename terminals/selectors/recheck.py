"""What acceptance has decided of a business date's taps, found once more by other ways: counters, batches, limits, prices, caps.

Each rule is one statement over the date's rows that finds what breaks it, in order: a limit alone would be planned for as if
something were broken. TACs are proved apart, by the key service
(`terminals.services.acceptance.recheck`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final

from citizencard.core.calendar import SHANGHAI
from citizencard.core.invariants import Breach, breaches
from terminals.models import AcceptancePolicy, FareDocument, Terminal
from terminals.selectors.tariffs import ceiling_of

_TAP: Final = "t.business_date || ' #' || t.id"
_PLACE: Final = "'batch ' || b.number || ' of terminal ' || d.code || ', line ' || t.line"
_BEHIND: Final = (
    """JOIN terminals_batch b ON b.id = t.batch_id JOIN terminals_terminal d ON d.id = t.terminal_id"""
)

# Outcomes: 3 counter conflict (shares its counter), 8 key unusable (proves none); 1 and 4 are paid, 5 to 7 held by policy.
_COUNTERS: Final = f"""
SELECT {_TAP}, {_PLACE} || ', counter ' || t.atc || ', sequence ' || t.terminal_seq
FROM terminals_tap t {_BEHIND}
LEFT JOIN accounts_purse p ON p.card_id = t.card_id AND p.kind = 'chip'
WHERE t.business_date = %(day)s AND t.outcome <> 8
    AND NOT (coalesce(d.sequences_seen @> t.terminal_seq, false) AND (t.outcome = 3 OR coalesce(p.offline_seen @> t.atc, false)))
ORDER BY 1
"""  # noqa: S608  constants only
_SEQUENCES: Final = """
SELECT 'terminal ' || coalesce(d.code, '#' || used.terminal_id), used.taps || ' taps, ' || used.sequences || ' sequences' FROM (
    SELECT terminal_id, count(*) AS taps, count(DISTINCT terminal_seq) AS sequences
    FROM terminals_tap WHERE business_date = %(day)s AND outcome <> 8 GROUP BY terminal_id
) AS used LEFT JOIN terminals_terminal d ON d.id = used.terminal_id WHERE taps <> sequences
"""

# Where nothing of a batch was refused, its taps are its whole sum.
_BATCHES: Final = """
SELECT 'batch ' || coalesce(b.number, '#' || kept.batch_id) || ' of terminal ' || coalesce(d.code, '#' || b.terminal_id, '?'),
    format('accepted %%s, suspended %%s, %%s fen; kept %%s, %%s, %%s fen', b.accepted, b.suspended, b.total_fen,
        coalesce(kept.accepted, 0), coalesce(kept.suspended, 0), coalesce(kept.fen, 0))
FROM (SELECT * FROM terminals_batch WHERE business_date = %(day)s) AS b
FULL JOIN (
    SELECT batch_id, count(*) FILTER (WHERE outcome = 1) AS accepted, count(*) FILTER (WHERE outcome <> 1) AS suspended,
        sum(amount_fen) AS fen
    FROM terminals_tap WHERE business_date = %(day)s GROUP BY batch_id
) AS kept ON kept.batch_id = b.id
LEFT JOIN terminals_terminal d ON d.id = b.terminal_id
WHERE (b.accepted, b.suspended) IS DISTINCT FROM (coalesce(kept.accepted, 0)::integer, coalesce(kept.suspended, 0)::integer)
    OR b.duplicate + b.rejected = 0 AND b.state = 'processed' AND b.total_fen <> coalesce(kept.fen, 0)
"""

# A bound holds from one moment to another, for what came in after it was published. What is paid lies within all bounds, what
# is held for a bound lies beyond it.
_BOUNDS: Final = f"""
WITH bound AS (
    SELECT * FROM unnest(%(channels)s::text[], %(tariffs)s::text[], %(begins)s::timestamptz[], %(ends)s::timestamptz[],
        %(known)s::timestamptz[], %(limits)s::bigint[], %(late)s::bigint[], %(most)s::bigint[])
        AS row (channel, tariff_code, begins, ends, known_at, limit_fen, late_s, most_fen)
), scope AS (
    SELECT terminal.id AS terminal_id, bound.* FROM terminals_terminal AS terminal
    JOIN terminals_merchant AS merchant ON merchant.id = terminal.merchant_id JOIN bound USING (channel, tariff_code)
)
SELECT {_TAP}, {_PLACE} || format(', outcome %%s, %%s fen; limit %%s, price at most %%s, late after %%s days', t.outcome,
    t.amount_fen, limit_fen, coalesce(most_fen::text, 'any'), late_s / 86400)
FROM terminals_tap t JOIN scope ON scope.terminal_id = t.terminal_id AND t.occurred_at >= begins AND t.occurred_at < ends
{_BEHIND}
CROSS JOIN LATERAL (SELECT extract(epoch FROM date_trunc('second', t.received_at) - t.occurred_at) AS seconds) AS age
WHERE t.business_date = %(day)s AND t.received_at >= known_at AND CASE t.outcome
    WHEN 5 THEN amount_fen <= limit_fen
    WHEN 6 THEN amount_fen <= coalesce(most_fen, amount_fen)
    WHEN 7 THEN seconds <= late_s
    ELSE t.outcome IN (1, 4) AND (amount_fen > limit_fen OR amount_fen > most_fen OR seconds > late_s) END
ORDER BY 1
"""  # noqa: S608

# Of the date's rides and those of the date before, which are priced while this one runs. A cap for some holders only is left
# to pricing: who they are stands in the derivations.
_CAPS: Final = """
WITH cap AS (
    SELECT code, body ->> 'period' AS period, (body ->> 'starts')::interval AS starts, (body ->> 'limit_fen')::bigint AS limit_fen,
        body -> 'tariffs' AS tariffs, valid_from, lead(valid_from) OVER (PARTITION BY code ORDER BY valid_from) AS successor, valid_until
    FROM (SELECT *, convert_from(canonical, 'UTF8')::jsonb -> 'body' AS body FROM terminals_faredocument
        WHERE sort = 'cap' AND withdrawn_at IS NULL) AS document
    WHERE body -> 'categories' IS NULL
), ride AS (
    SELECT DISTINCT ON (business_date, card_id, atc) *, ride_at AT TIME ZONE 'Asia/Shanghai' AS local
    FROM terminals_farecharge WHERE business_date BETWEEN %(day)s::date - 1 AND %(day)s
    ORDER BY business_date, card_id, atc, version DESC
)
SELECT 'card ' || card_id || ', cap ' || code, format('%%s from %%s: due %%s fen, at most %%s', period, since::date, due, limit_fen) FROM (
    SELECT card_id, code, period, date_trunc(period, local - starts) AS since, sum(due_fen) AS due, max(limit_fen) AS limit_fen
    FROM ride JOIN cap ON cap.tariffs ? ride.tariff AND local::date >= valid_from
        AND local::date < coalesce(successor, 'infinity') AND local::date <= coalesce(valid_until, 'infinity')
    GROUP BY 1, 2, 3, 4
) AS spent WHERE due > limit_fen
"""
_FAR: Final = date(9000, 1, 1)


def _bounds() -> dict[str, list[Any]]:
    """What every pair of channel and tariff that terminals have was bound by, from each date on which that changed."""
    policies, prices = defaultdict(list), defaultdict(list)
    for policy in AcceptancePolicy.objects.order_by("valid_from"):
        policies[policy.channel].append(policy)
    for price in FareDocument.objects.filter(sort="tariff", withdrawn_at=None).order_by("valid_from"):
        prices[price.code].append(price)
    pairs = Terminal.objects.values_list("merchant__channel", "tariff_code").distinct()
    rows = [
        (channel, tariff, *bound)
        for channel, tariff in pairs
        for bound in _bounds_of(policies[channel], prices[tariff])
    ]
    names = ("channels", "tariffs", "begins", "ends", "known", "limits", "late", "most")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def _bounds_of(
    policies: Sequence[AcceptancePolicy], prices: Sequence[FareDocument]
) -> Iterator[tuple[Any, ...]]:
    begins = sorted({*(each.valid_from for each in policies), *(each.valid_from for each in prices)})
    for day, end in pairwise([*begins, _FAR]):
        policy = next((each for each in reversed(policies) if each.valid_from <= day), None)
        price = next((each for each in reversed(prices) if each.valid_from <= day), None)
        if policy is not None:
            known_at = max(policy.published_at, price.published_at) if price else policy.published_at
            most = ceiling_of(price.pk) if price and policy.hold_over_price else None
            late_s = timedelta(days=policy.late_days) // timedelta(seconds=1)
            yield _midnight(day), _midnight(end), known_at, policy.purchase_limit_fen, late_s, most


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


RECHECKS: Final[Mapping[str, tuple[str, str, Callable[[], dict[str, Any]]]]] = {
    "batches": ("a batch has the taps that it was answered for", _BATCHES, dict),
    "counters": ("a tap's counters are among those seen of its card and terminal", _COUNTERS, dict),
    "sequences": ("a terminal's sequence pays once a date", _SEQUENCES, dict),
    "prices": (
        "what is paid lies within the policy of its own date, what is held beyond it",
        _BOUNDS,
        _bounds,
    ),
    "caps": ("no rides come to more than their cap", _CAPS, dict),
}
"""Parts: a rule, its statement, and what else that needs to know than the date."""


def refound(part: str, *, day: date) -> list[Breach]:
    """What a part of RECHECKS finds broken on a frozen date; empty is good. Takes as long as the date is large."""
    rule, statement, values = RECHECKS[part]
    return breaches([(rule, statement)], {"day": day, **values()})
