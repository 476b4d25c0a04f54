"""Concessions: proved, dated, checked every year, and their holders told in time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.errors import ConcessionHeld, ConcessionOver
from accounts.models import Card, Concession, Notice
from accounts.selectors.concessions import Proved, concessions_of, due_for_check, proved_of
from accounts.services.concessions import (
    grant_concession,
    remind_holders,
    renew_concession,
    withdraw_concession,
)
from citizencard.core.calendar import open_business_day, shanghai
from citizencard.core.errors import InvalidField
from citizencard.core.models import AuditEntry
from tests.factories import CLERK, NOON, make_card, make_citizen
from tests.fixtures_accounts import TODAY

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def granted(holder: Card, first: date = TODAY, **changes: Any) -> Concession:
    values: dict[str, Any] = {
        "category": "student",
        "proof": "list 7",
        "legal_basis": "rule",
        "checked_by": CLERK,
    }
    return grant_concession(card=holder, valid_from=first, **values | changes)


@pytest.fixture
def mine(open_day: None) -> Card:
    return make_card(citizen=make_citizen())


@pytest.fixture
def anonymous(open_day: None) -> Card:
    return make_card()


def test_a_real_name_cards_concession_is_its_holders(mine: Card, anonymous: Card) -> None:
    concession = granted(mine)
    granted(anonymous, category="love")
    assert (concession.citizen, concession.card) == (mine.citizen, None)
    last = TODAY + timedelta(days=364)
    assert proved_of([mine.pk, anonymous.pk, 0]) == {
        mine.pk: [Proved("student", TODAY, last)],
        anonymous.pk: [Proved("love", TODAY, last)],
    }
    assert [each.category for each in concessions_of(anonymous)] == ["love"]
    assert [each.category for each in concessions_of(mine)] == ["student"]
    assert AuditEntry.objects.filter(action="concession.grant").count() == 2


def test_all_holders_are_asked_in_one_query(
    mine: Card, anonymous: Card, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        proved_of([mine.pk, anonymous.pk])


def test_one_of_a_kind_at_a_time(mine: Card, anonymous: Card) -> None:
    first = granted(mine)
    with pytest.raises(ConcessionHeld):
        granted(mine, first.valid_until)
    granted(mine, first.valid_until + DAY)
    granted(mine, category="love")
    granted(anonymous)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"category": "no spaces"}, "category"),
        ({"valid_until": TODAY - DAY}, "valid_until"),
        ({"valid_until": TODAY + timedelta(days=366)}, "valid_until"),
        ({"proof": " "}, "proof"),
        ({"legal_basis": ""}, "legal_basis"),
    ],
)
def test_what_cannot_be_is_named(mine: Card, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        granted(mine, **wrong)
    assert refused.value.data["field"] == field


def test_nobody_is_no_holder() -> None:
    with pytest.raises(InvalidField):
        grant_concession(category="x", valid_from=TODAY, proof="p", legal_basis="l", checked_by=CLERK)


@time_machine.travel(NOON, tick=False)
def test_the_yearly_check_makes_the_next_proof_without_a_gap(mine: Card) -> None:
    first = granted(mine, TODAY - timedelta(days=340))
    assert list(due_for_check(TODAY)) == [first]
    second = renew_concession(concession=first, proof="list 8", checked_by="other")
    assert second.valid_from == first.valid_until + DAY
    assert list(due_for_check(TODAY)) == []
    with pytest.raises(ConcessionHeld):
        renew_concession(concession=first, proof="list 8", checked_by="other")


@time_machine.travel(NOON, tick=False)
def test_a_check_passed_late_leaves_the_gap(mine: Card) -> None:
    first = granted(mine, TODAY - timedelta(days=400))
    assert renew_concession(concession=first, proof="list 8", checked_by=CLERK).valid_from == TODAY


@time_machine.travel(NOON, tick=False)
def test_a_withdrawal_ends_it_and_is_for_ever(mine: Card) -> None:
    concession = granted(mine, TODAY - 10 * DAY)
    with pytest.raises(InvalidField):
        withdraw_concession(concession=concession, actor=CLERK, reason="left school", on=TODAY - DAY)
    withdrawn = withdraw_concession(concession=concession, actor=CLERK, reason="left school")
    assert withdrawn.holds_until == TODAY - DAY
    assert withdraw_concession(concession=concession, actor="x", reason="again").withdrawn_by == CLERK
    assert proved_of([mine.pk])[mine.pk] == [Proved("student", TODAY - 10 * DAY, TODAY - DAY)]
    with pytest.raises(ConcessionOver):
        renew_concession(concession=concession, proof="p", checked_by=CLERK)
    granted(mine)


@time_machine.travel(NOON, tick=False)
def test_one_withdrawn_on_its_first_day_never_held(mine: Card) -> None:
    withdraw_concession(concession=granted(mine), actor=CLERK, reason="a slip")
    assert proved_of([mine.pk]) == {}


def test_holders_are_told_thirty_fourteen_and_one_day_before(mine: Card, anonymous: Card) -> None:
    concession = granted(mine)
    granted(anonymous)
    told = {
        days: remind_holders(today=concession.valid_until - days * DAY) for days in (31, 30, 29, 14, 2, 1, 0)
    }
    assert told == {31: 0, 30: 1, 29: 0, 14: 1, 2: 0, 1: 1, 0: 0}
    assert remind_holders(today=concession.valid_until - DAY) == 0
    notice = Notice.objects.filter(citizen=mine.citizen).latest("pk")
    assert str(concession.valid_until) in notice.text
    with time_machine.travel(NOON, tick=False):
        later = granted(mine, first=concession.valid_until + DAY, category="love")
        renew_concession(concession=later, proof="p", checked_by=CLERK)
    assert remind_holders(today=later.valid_until - DAY) == 0


def test_the_database_keeps_the_proof(mine: Card) -> None:
    concession = granted(mine)
    for change in (
        {"valid_until": TODAY},
        {"category": "love"},
        {"withdrawn_on": TODAY, "withdrawn_at": timezone.now(), "withdrawn_by": "x", "withdrawn_reason": ""},
        {"withdrawn_on": TODAY, "withdrawn_at": timezone.now(), "withdrawn_by": "x", "withdrawn_reason": "x",
            "proof": "y"},
    ):  # fmt: skip
        with pytest.raises(DatabaseError), transaction.atomic():
            Concession.objects.filter(pk=concession.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        concession.delete()
    copy = {
        name: getattr(concession, name)
        for name in ("category", "valid_from", "proof", "legal_basis", "checked_by")
    }
    for wrong in ({}, {"citizen": mine.citizen, "card": mine}, {"citizen": mine.citizen}):
        with pytest.raises(DatabaseError, match="concession_"), transaction.atomic():
            Concession.objects.create(
                **copy, valid_until=TODAY + timedelta(days=400 if wrong else 1), **wrong
            )


class AnyHistory(TestCase):
    """Whatever is granted, renewed and withdrawn when: no day is proved twice, and none that was not asked for."""

    @settings(max_examples=25, deadline=None)
    @given(
        steps=st.lists(
            st.tuples(st.sampled_from(["grant", "renew", "withdraw"]), st.integers(0, 40), st.integers(0, 3)),
            max_size=8,
        )
    )
    def test_each_day_once(self, steps: list[tuple[str, int, int]]) -> None:
        open_business_day(TODAY)
        card, kept = make_card(), list[Concession]()
        with time_machine.travel(NOON, tick=False) as clock:
            for step, days, which in steps:
                clock.shift(timedelta(days=days))
                today = shanghai(timezone.now()).date()
                try:
                    if step == "grant":
                        kept.append(granted(card, today, valid_until=today + days * DAY))
                    elif kept and step == "renew":
                        chosen = kept[which % len(kept)]
                        kept.append(
                            renew_concession(concession=chosen, proof="p", checked_by=CLERK, valid_until=None)
                        )
                    elif kept:
                        withdraw_concession(concession=kept[which % len(kept)], actor=CLERK, reason="r")
                except (ConcessionHeld, ConcessionOver):
                    continue
        proved = proved_of([card.pk]).get(card.pk, [])
        days_proved = [
            each.valid_from + number * DAY
            for each in proved
            for number in range((each.valid_until - each.valid_from).days + 1)
        ]
        assert len(days_proved) == len(set(days_proved))
        assert min(days_proved, default=TODAY) >= TODAY
