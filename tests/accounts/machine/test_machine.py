"""Any order of everything that happens in the city: the books are right after every step. `MACHINE_STEPS=1000000` for more."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from citizencard.core.keyservice.keystore import KeyStore
from tests.accounts.machine.city import found_city
from tests.accounts.machine.steps import CitySteps

pytestmark = pytest.mark.django_db
STEPS_PER_RUN = 50
STEPS = int(os.environ.get("MACHINE_STEPS", "4000"))


def test_the_books_are_right_whatever_happens(
    demo_keys: KeyStore,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    CitySteps.city = found_city(demo_keys, timezone.now().replace(microsecond=0))
    CitySteps.monkeypatch = monkeypatch
    run_state_machine_as_test(
        CitySteps,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_PER_RUN),
            stateful_step_count=STEPS_PER_RUN,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
    counts = CitySteps.counts
    told = ", ".join(f"{name} {counts[name]:,}" for name in sorted(counts))
    record_property("counted", f"city: {told}")
