"""What is proved to everybody: heads page by page, consistency of any two, keys; cached, and not too often."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client

from settlement.api import views
from settlement.services.clearing import clear_day
from tests.settlement.small_city import NEXT_DAY
from tests.settlement.verifier import holds

ROOT = "/api/v1/proofs"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def test_anybody_gets_heads_keys_and_consistency_and_can_check_them(
    city: date, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "HEADS", 2)
    for day in (city, NEXT_DAY, date(2026, 11, 4)):
        clear_day(day=day)
    keys, first = client.get(f"{ROOT}/keys"), client.get(f"{ROOT}/heads")
    second = client.get(f"{ROOT}/heads", {"after": 2})
    assert [len(each.json()["heads"]) for each in (first, second)] == [2, 1]
    consistency = client.get(f"{ROOT}/consistency/1/3")
    documents = {"keys": keys, "first": first, "second": second, "consistency": consistency}
    assert holds(tmp_path, **{name: answer.json() for name, answer in documents.items()})
    for answer in documents.values():
        assert answer["Cache-Control"] == "public, max-age=300"
        again = client.get(answer.request["PATH_INFO"], headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == (200 if answer is second else 304)  # asked without its page


@pytest.mark.parametrize("sizes", ["0/1", "2/1", "1/2", f"1/{10**30}"])
def test_sizes_that_are_none_are_not_found(city: date, client: Client, sizes: str) -> None:
    clear_day(day=city)
    answer = client.get(f"{ROOT}/consistency/{sizes}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "", "９", "9" * 40])
def test_a_page_after_nothing_is_refused(db: None, client: Client, after: str) -> None:
    answer = client.get(f"{ROOT}/heads", {"after": after})
    assert (answer.status_code, answer.json()["field"]) == (422, "after")


def test_questions_are_not_answered_too_often(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views.ProofThrottle, "rate", "1/min")
    assert [client.get(f"{ROOT}/keys").status_code for _ in range(2)] == [200, 429]
