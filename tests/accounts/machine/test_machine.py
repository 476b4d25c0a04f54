"""Any order of everything that happens in the city: the books are right after every step. `MACHINE_STEPS=1000000` for more."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from citizencard.core.keyservice.keystore import KeyStore
from settlement.selectors.audit import broken_invariants
from terminals.services.acceptance import posting
from tests.accounts.machine.city import found_city
from tests.accounts.machine.steps import CitySteps

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
STEPS_PER_RUN = 150
DEFAULT_STEPS = 2_400
STEPS = int(os.environ.get("MACHINE_STEPS", DEFAULT_STEPS))


@pytest.fixture
def machine(demo_keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> type[CitySteps]:
    """The machine with its city founded."""
    CitySteps.city = found_city(demo_keys, timezone.now().replace(microsecond=0))
    CitySteps.monkeypatch = monkeypatch
    return CitySteps


def test_the_books_are_right_whatever_happens(
    machine: type[CitySteps], record_property: Callable[[str, object], None]
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_PER_RUN),
            stateful_step_count=STEPS_PER_RUN,
            derandomize=STEPS == DEFAULT_STEPS,  # the same runs each time; any other number makes new ones
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
    counts = machine.counts
    told = ", ".join(f"{name} {counts[name]:,}" for name in sorted(counts))
    record_property("counted", f"city: {told}")


def test_the_book_finds_what_the_audit_cannot(
    machine: type[CitySteps], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a purchase held against the city's money where the purse could have paid breaks no rule of the audit."""
    right = "CASE WHEN fits THEN"
    monkeypatch.setattr(
        posting, "_TRANSFERS", posting._TRANSFERS.replace(right, "CASE WHEN verdict <> 2 AND fits THEN")
    )
    run = machine()
    run.begin()
    run.lost(number=0, crash=None, again=False)
    run.the_book_is_the_ledger()
    run.rides(number=0, desk=0, fares=[300])
    lost = next(holder for holder in run.holders if holder.pocketed)
    (record,) = lost.pocketed
    lost.card.refresh_from_db()
    run.rides(number=0, desk=0, fares=[])
    run.uploaded_at_once(number=0, crash=None, again=False)
    assert record in lost.uploaded
    assert broken_invariants() == []
    with pytest.raises(AssertionError):
        run.the_book_is_the_ledger()
    run.teardown()
