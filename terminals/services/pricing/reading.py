"""What pricing reads of a chunk of cards, each in one query: taps, kept versions, shares, healed journeys, proofs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import connection

from accounts.selectors.concessions import proved_of
from accounts.selectors.passes import timed_passes_of
from terminals.fares.holder import Entitlement, Holder
from terminals.fares.periods import half_year
from terminals.models import Tap
from terminals.services.pricing.judge import Kept
from terminals.services.pricing.rebuild import TapRow

BACK_DAYS: Final = 62
"""How far back a concession that was proved late prices rides again: the month before the last is closed."""
_PRICED: Final = [Tap.Outcome.ACCEPTED, Tap.Outcome.OVER_BALANCE]

# Cards that tapped, those whose standing changed on the day, and those of which a dispute ended so that a ride is one again; each with the earliest ride that may come out otherwise.
_CARDS: Final = """
SELECT card_id, min(since) FROM (
    SELECT card_id, occurred_at AS since FROM terminals_tap
    WHERE business_date = %(day)s AND card_id > %(after)s AND outcome = ANY(%(priced)s::smallint[])
    UNION ALL
    SELECT card.id, greatest(coalesce(proved.withdrawn_on, proved.valid_from), %(day)s::date - %(back)s)::timestamp
        AT TIME ZONE 'Asia/Shanghai'
    FROM accounts_concession AS proved
        JOIN accounts_card AS card ON card.id = proved.card_id OR card.citizen_id = proved.citizen_id
    WHERE card.id > %(after)s AND %(day)s IN ((proved.granted_at AT TIME ZONE 'Asia/Shanghai')::date,
        (proved.withdrawn_at AT TIME ZONE 'Asia/Shanghai')::date)
    UNION ALL
    SELECT card_id, occurred_at FROM accounts_disputedcharge
    WHERE what = 'purchase' AND state = 'refused' AND card_id > %(after)s AND (ended_at AT TIME ZONE 'Asia/Shanghai')::date = %(day)s
) AS touched GROUP BY card_id ORDER BY card_id LIMIT %(limit)s
"""
# What was taken back of a purchase was not taken, nor what is in dispute or was given back by one; a purchase taken back
# whole is no ride.
_TAPS: Final = """
SELECT tap.business_date, tap.card_id, tap.atc, tap.merchant_id, tap.terminal_id, terminal.tariff_code, terminal.site_id,
    coalesce(line.code, ''), tap.occurred_at, tap.amount_fen - coalesce(back.fen, 0), tap.trip
FROM terminals_tap AS tap
    JOIN terminals_terminal AS terminal ON terminal.id = tap.terminal_id
    LEFT JOIN terminals_place AS place ON place.id = terminal.site_id
    LEFT JOIN terminals_line AS line ON line.id = place.line_id
    LEFT JOIN LATERAL (SELECT sum(amount_fen)::bigint AS fen FROM (
        SELECT amount_fen FROM terminals_purchasereturn WHERE tap_date = tap.business_date AND tap_id = tap.id
        UNION ALL
        SELECT amount_fen FROM accounts_disputedcharge
        WHERE what = 'purchase' AND source_id = tap.id AND state <> 'refused') AS taken) AS back ON true
WHERE tap.card_id = ANY(%(cards)s::bigint[]) AND tap.occurred_at >= %(since)s AND tap.business_date >= %(first)s
    AND tap.outcome = ANY(%(priced)s::smallint[]) AND (tap.amount_fen = 0 OR tap.amount_fen > coalesce(back.fen, 0))
"""
_KEPT: Final = """
SELECT card_id, atc, max(version), (array_agg(due_fen ORDER BY version DESC))[1], sum(given_fen),
    (array_agg(digest ORDER BY version DESC))[1]
FROM terminals_farecharge
WHERE card_id = ANY(%(cards)s::bigint[]) AND business_date >= %(first)s GROUP BY card_id, atc
"""
_HEALED: Final = """
SELECT card_id, (ride_at AT TIME ZONE 'Asia/Shanghai')::date FROM terminals_farecharge
WHERE card_id = ANY(%(cards)s::bigint[]) AND how = 'inferred' AND given_fen > 0 GROUP BY card_id, atc, 2
"""
_SHARES: Final = """
SELECT share.card_id, share.atc, payer, rule, sum(amount_fen)
FROM terminals_fareshare AS share
    JOIN unnest(%(cards)s::bigint[], %(atcs)s::int[]) AS ride (card_id, atc) USING (card_id, atc)
GROUP BY 1, 2, 3, 4 HAVING sum(amount_fen) <> 0
"""


def cards_of(day: date, after: int, limit: int) -> dict[int, datetime]:
    """The next cards to be priced for a business date, each with the earliest time that may come out otherwise."""
    values = {"day": day, "after": after, "limit": limit, "back": BACK_DAYS, "priced": _PRICED}
    return dict(_rows(_CARDS, values))


def taps_of(cards: Sequence[int], since: datetime) -> dict[int, list[TapRow]]:
    """Every tap that a ride may be made of, by card."""
    found: dict[int, list[TapRow]] = defaultdict(list)
    for row in _rows(_TAPS, _since(cards, since)):
        tap = TapRow(*row)
        found[tap.card_id].append(tap)
    return found


def kept_of(cards: Sequence[int], since: datetime) -> dict[int, dict[int, Kept]]:
    """The newest version of every ride, by card and counter."""
    found: dict[int, dict[int, Kept]] = defaultdict(dict)
    for card_id, atc, version, due_fen, given_fen, digest in _rows(_KEPT, _since(cards, since)):
        found[card_id][atc] = Kept(version, due_fen, int(given_fen), bytes(digest))
    return found


def healed_of(cards: Sequence[int]) -> dict[int, Counter[tuple[int, int]]]:
    """How many inferred journeys were given back, by card and half-year."""
    found: dict[int, Counter[tuple[int, int]]] = defaultdict(Counter)
    for card_id, day in _rows(_HEALED, {"cards": list(cards)}):
        found[card_id][half_year(day)] += 1
    return found


def shares_of(rides: Sequence[tuple[int, int]]) -> Mapping[tuple[int, int], dict[tuple[str, str], int]]:
    """What has been claimed for rides (card, counter), by payer and rule."""
    found: dict[tuple[int, int], dict[tuple[str, str], int]] = defaultdict(dict)
    values = {"cards": [card for card, _atc in rides], "atcs": [atc for _card, atc in rides]}
    for card_id, atc, payer, rule, fen in _rows(_SHARES, values):
        found[card_id, atc][payer, rule] = int(fen)
    return found


def holders_of(cards: Sequence[int]) -> dict[int, Holder]:
    """What the cards' holders have proved, and passes that count days; a pass is a category by its product's code.

    Birth dates stay sealed: published concessions ask for categories.
    """
    found: dict[int, list[Entitlement]] = defaultdict(list)
    for entitled in (proved_of(cards), timed_passes_of(cards)):
        for card_id, held in entitled.items():
            found[card_id] += [Entitlement(each.category, each.valid_from, each.valid_until) for each in held]
    return {card_id: Holder(entitlements=tuple(held)) for card_id, held in found.items()}


def _since(cards: Sequence[int], since: datetime) -> dict[str, Any]:
    """A tap is booked on its own day or later; a clock that is ahead by less than a day changes nothing."""
    first = (since - timedelta(days=1)).date()
    return {"cards": list(cards), "since": since, "first": first, "priced": _PRICED}


def _rows(query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
