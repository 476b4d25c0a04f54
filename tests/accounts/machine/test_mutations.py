"""A slip in any posting template is caught: by the database at once, or by the audit of the books."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.services import postings
from accounts.services.ledger import Leg
from citizencard.core.errors import CitizenCardError
from citizencard.core.keyservice.keystore import KeyStore
from settlement.selectors.audit import broken_invariants
from settlement.services import adjustments, settling
from terminals.services.acceptance import posting
from tests.accounts.machine.faults import Fault, faults_of
from tests.accounts.machine.scenes import SCENES, Event, Stage

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("open_day")]

IN_SQL = {
    "swapped": ("debit_id, credit_id,", "credit_id, debit_id,"),
    "a fen more": ("amount, %(journal)s", "amount + 1, %(journal)s"),
    "a fen less": ("amount, %(journal)s", "amount - 1, %(journal)s"),
    "as CORRECTION": ("SELECT %(date)s,\n    CASE", "SELECT %(date)s, 59 + 0 * CASE"),
    "as FUNDS_RECEIVED": ("SELECT %(date)s,\n    CASE", "SELECT %(date)s, 50 + 0 * CASE"),
    "out of the wrong place": ("CASE WHEN fits", "CASE WHEN NOT fits"),
    "to the wrong place": ("THEN %(payable)s ELSE %(held)s", "THEN %(held)s ELSE %(payable)s"),
    "missing": ("AND amount > 0", "AND amount > 0 AND false"),
}
"""Purchases are posted set-wise: what their templates say is said in one statement, and slips are made there."""
UNPROVABLE = {("purchase_held", "out of the wrong place")}
"""What a hot-listed card's purse could have paid when it did is not on record; the machine's book finds this one."""
SET_WISE = tuple(name for name in SCENES if name.startswith("purchase_"))
TEMPLATES = tuple(
    name
    for name, function in inspect.getmembers(postings, inspect.isfunction)
    if function.__annotations__.get("return") == "list[Leg]"
)


class _Undo(Exception):
    def __init__(self, broken: bool) -> None:
        self.broken = broken


def test_every_template_has_its_scene() -> None:
    assert sorted(SCENES) == sorted(TEMPLATES)


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name not in SET_WISE])
def test_a_slip_in_a_template_is_caught(
    template: str,
    demo_keys: KeyStore,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    stage = Stage(demo_keys)
    caught = 0
    for event in SCENES[template](stage):
        legs: list[Leg] = []
        with mutated(template, monkeypatch, recorded_in(legs)):
            assert not is_caught(event), "the control is not clean"
        assert legs, "the scene does not use the template"
        for name, fault in faults_of(legs, stage.others):
            with mutated(template, monkeypatch, fault):
                assert is_caught(event), name
            caught += 1
    record_property("counted", f"slips in {template} caught: {caught}")


@pytest.mark.parametrize("template", SET_WISE)
def test_a_slip_in_the_posting_of_taps_is_caught(
    template: str,
    demo_keys: KeyStore,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    (event,) = SCENES[template](Stage(demo_keys))
    assert not is_caught(event), "the control is not clean"
    slips = {name: slip for name, slip in IN_SQL.items() if (template, name) not in UNPROVABLE}
    for name, (right, wrong) in slips.items():
        assert posting._TRANSFERS.count(right) == 1
        with monkeypatch.context() as patch:
            patch.setattr(posting, "_TRANSFERS", posting._TRANSFERS.replace(right, wrong))
            assert is_caught(event), name
    record_property("counted", f"slips in {template} caught: {len(slips)}")


@contextmanager
def mutated(template: str, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> Iterator[None]:
    """The template with a fault, wherever it is used."""
    right = getattr(postings, template)

    def wrong(**values: object) -> list[Leg]:
        return fault(right(**values))

    with monkeypatch.context() as patch:
        patch.setattr(postings, template, wrong)
        for user in (settling, adjustments):
            if hasattr(user, template):
                patch.setattr(user, template, wrong)
        yield


def recorded_in(legs: list[Leg]) -> Fault:
    """No fault at all: the legs are noted, the last ones if there are several postings."""

    def note(posted: list[Leg]) -> list[Leg]:
        legs[:] = posted
        return posted

    return note


def is_caught(event: Event) -> bool:
    """Whether the event is refused, or leaves books that the audit finds wrong; undone again either way."""
    try:
        with transaction.atomic():
            event()
            with connection.cursor() as cursor:  # what is checked at the end of a transaction
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
            raise _Undo(broken_invariants() != [])
    except _Undo as undone:
        return undone.broken
    except (CitizenCardError, DatabaseError, ValueError, KeyError):
        return True
