"""The hot list in versions: whatever comes and goes, a difference from any version leads to the newest list, exactly."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Card
from terminals.models import HotListChange, HotListEntry, HotListVersion
from terminals.selectors.hotlist import hot_list_version, packed_difference, packed_list
from terminals.services.hotlist import report_loss
from terminals.services.publishing import publish_hot_list
from terminals.wire.lists import sha256
from terminals.wire.packed import EMPTY
from tests.factories import CLERK, NOON
from tests.terminals.publishing.losses import change, pan

pytestmark = pytest.mark.django_db
CARDS = st.sets(st.integers(1, 12), max_size=5)


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.tuples(CARDS, CARDS), min_size=1, max_size=6))
def test_a_difference_from_any_version_makes_the_newest_list(steps: list[tuple[set[int], set[int]]]) -> None:
    with transaction.atomic():
        listed: set[int] = set()
        lists = {0: EMPTY}
        for add, remove in steps:
            new, gone = add - listed, remove & listed
            if new or gone:
                listed = (listed | new) - gone
                version = change(add=new, remove=gone)
                lists[version] = packed_list(None)
        newest = max(lists)
        assert {number for number in range(13) if lists[newest].get(pan(number))} == listed
        for since, held in lists.items():
            if since < newest:
                assert held.apply(packed_difference(since, newest)).to_bytes() == lists[newest].to_bytes()
            assert packed_list(since).to_bytes() == held.to_bytes()
        if newest:
            kept = HotListVersion.objects.get(pk=newest)
            assert bytes(kept.digest).hex() == sha256(lists[newest].to_bytes())
            assert kept.count == len(listed)
        transaction.set_rollback(True)


def test_what_changes_together_is_one_version_and_nothing_is_none(card: Card) -> None:
    assert (publish_hot_list(), hot_list_version()) == (None, 0)
    first = change(add=[1, 2])
    assert publish_hot_list() is None
    second = change(add=[3], remove=[1])
    assert second > first
    assert HotListChange.objects.filter(version=second).count() == 2


def test_a_card_that_came_and_went_between_two_versions_never_was_listed() -> None:
    HotListEntry.objects.create(pan=pan(1), reason="x", effective_at=NOON)
    version = change(remove=[1])
    assert len(packed_list(version)) == 0
    assert packed_difference(0, version) == bytes(4)


def test_a_loss_is_published_by_its_commit(card: Card, django_capture_on_commit_callbacks: object) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        report_loss(card=card, actor=CLERK, reason="lost", occurred_at=NOON)
        assert hot_list_version() == 0
    assert packed_list(None).get(card.pan) == NOON


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE terminals_hotlistchange SET version = NULL",
        "UPDATE terminals_hotlistchange SET effective_at = now()",
        "UPDATE terminals_hotlistchange SET pan = '1'",
        "DELETE FROM terminals_hotlistchange",
        "UPDATE terminals_hotlistversion SET published_at = now()",
        "DELETE FROM terminals_hotlistversion",
        "UPDATE terminals_hotlistentry SET effective_at = now()",
        "UPDATE terminals_hotlistentry SET removed_at = NULL WHERE removed_at IS NOT NULL",
    ],
)
def test_what_was_published_stays(statement: str) -> None:
    change(add=[1, 2])
    change(remove=[2])
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
