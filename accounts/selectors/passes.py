"""What is known of passes: what is on sale, what a card holds, what ends soon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import F, Max, QuerySet

from accounts.models import Card, Pass, PassProduct, PassUse
from accounts.selectors.concessions import Proved

# A pass given back was good for the rides that were taken on it before.
_TIMED: Final = """
SELECT held.card_id, product.code, held.starts_on, CASE WHEN held.state = 'refunded' THEN
    (SELECT max(used_at AT TIME ZONE 'Asia/Shanghai')::date FROM accounts_passuse WHERE card_pass_id = held.id)
    ELSE held.ends_on END
FROM accounts_pass AS held JOIN accounts_passproduct AS product ON product.id = held.product_id
WHERE held.card_id = ANY(%s::bigint[]) AND product.rides IS NULL
"""


class RunningPass(NamedTuple):
    """A pass as a terminal has to know it, both days included; `rides_left` is None where time alone ends it."""

    card_no: str
    code: str
    starts_on: date
    ends_on: date
    rides_left: int | None


def pass_product(code: str, on: date) -> PassProduct | None:
    """The terms under which `code` is sold on a date; None before its first."""
    return PassProduct.objects.filter(code=code, valid_from__lte=on).order_by("-valid_from").first()


def passes_on_sale(on: date) -> QuerySet[PassProduct]:
    """What is sold on a date, one row per code."""
    dated = PassProduct.objects.filter(valid_from__lte=on).order_by("code", "-valid_from")
    return dated.distinct("code").select_related("operator")


def card_passes(card: Card) -> QuerySet[Pass]:
    """All passes of a card with their products: those that can be used first, each group by last day, newest first."""
    return Pass.objects.filter(card=card).select_related("product").order_by("state", "-ends_on", "-pk")


def passes_ending_within(days: int, on: date) -> QuerySet[Pass]:
    """Valid passes whose last day is `on` or up to `days` later, soonest first: whom to remind, with card and product."""
    ending = Pass.objects.filter(state=Pass.State.ACTIVE, ends_on__range=(on, on + timedelta(days=days)))
    return ending.select_related("product", "card").order_by(
        "ends_on", F("rides_left").desc(nulls_last=True), "pk"
    )


def passes_valid_in(channel: str, on: date) -> list[RunningPass]:
    """Every pass that is good in a channel on a date or later, by product and card."""
    running = Pass.objects.filter(
        state=Pass.State.ACTIVE, ends_on__gte=on, product__channels__contains=[channel]
    )
    fields = ("card__pan", "product__code", "starts_on", "ends_on", "rides_left")
    return [
        RunningPass(*row) for row in running.order_by("product__code", "card__pan", "pk").values_list(*fields)
    ]


def passes_stamp(on: date) -> tuple[object, ...]:
    """Changes with every sale, ride, refund and end of a pass. A handful of index entries and a count."""
    running = Pass.objects.filter(state=Pass.State.ACTIVE).count()
    return on, running, _newest(Pass), _newest(PassUse)


def timed_passes_of(card_ids: Sequence[int]) -> dict[int, list[Proved]]:
    """The passes of cards that count days and not rides, as pricing asks for what a holder has proved. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_TIMED, [list(card_ids)])
        rows = cursor.fetchall()
    found: dict[int, list[Proved]] = {}
    for card_id, code, first, last in rows:
        if last is not None:
            found.setdefault(card_id, []).append(Proved(code, first, last))
    return found


def _newest(model: type[Pass] | type[PassUse]) -> int | None:
    newest: int | None = model.objects.aggregate(newest=Max("pk"))["newest"]
    return newest
