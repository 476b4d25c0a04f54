"""The centre's signed time shows how far the terminal's clock is off; an answer that cannot be trusted shows nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from terminals.program.clock import Drift, measure
from terminals.wire.lists import ListError, Signer, Trust
from tests.terminals.program.centre import FakeCentre
from tests.terminals.wire.test_lists import CENTRE, NOW, signer

TRUST = Trust.installed(CENTRE.public_key)


def centre(at: Any = NOW, by: Signer = CENTRE, kind: str = "time", nonce: str = "") -> FakeCentre:
    class Times(dict[str, Callable[[Mapping[str, str]], tuple[int, bytes]]]):
        def __missing__(self, path: str) -> Callable[[Mapping[str, str]], tuple[int, bytes]]:
            shown = at.isoformat() if isinstance(at, datetime) else at
            content = json.dumps({"nonce": nonce or path.removeprefix("/time/"), "at": shown}).encode()
            document = by.document(kind, 1, content, count=1, issued_at=NOW)
            return lambda query: (200, document.to_bytes())

    answering = FakeCentre()
    answering.documents = Times()
    return answering


def clock(start: datetime, step: timedelta = timedelta(0)) -> Callable[[], datetime]:
    times = iter([start, start + step])
    return lambda: next(times)


@pytest.mark.parametrize(
    ("behind", "state"),
    [
        (0, "right"),
        (60, "right"),
        (61, "warning"),
        (-61, "warning"),
        (600, "warning"),
        (601, "suspect"),
        (-601, "suspect"),
    ],
)
def test_drift_is_told_by_its_size(behind: int, state: str) -> None:
    drift = measure(centre().client(), TRUST, clock(NOW - timedelta(seconds=behind)))
    assert (drift.ahead, drift.state) == (timedelta(seconds=behind), state)


def test_a_clock_of_another_year_is_measured_all_the_same() -> None:
    assert measure(centre().client(), TRUST, clock(NOW.replace(year=2000))).state == "suspect"


def test_half_the_way_is_reckoned_with() -> None:
    started = NOW - timedelta(seconds=4)
    assert measure(centre().client(), TRUST, clock(started, timedelta(seconds=8))) == Drift(timedelta(0))


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ({"nonce": "00"}, "nonce"),
        ({"by": signer(3)}, "key"),
        ({"kind": "tariffs"}, "kind"),
        ({"at": "noon"}, "format"),
        ({"at": "2026-03-02T04:00:00"}, "format"),
    ],
)
def test_an_answer_that_cannot_be_trusted_tells_no_time(answer: dict[str, Any], rule: str) -> None:
    with pytest.raises(ListError) as caught:
        measure(centre(**answer).client(), TRUST, clock(NOW))
    assert caught.value.rule == rule


def test_a_slow_answer_or_a_clock_set_meanwhile_tells_no_time() -> None:
    for step in (timedelta(seconds=31), timedelta(seconds=-1)):
        with pytest.raises(ListError, match="slow"):
            measure(centre().client(), TRUST, clock(NOW, step))
