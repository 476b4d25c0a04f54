from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizencard.core.masks import mask_card, mask_document, mask_name, mask_phone


@pytest.mark.parametrize(("name", "shown"), [("张明", "*明"), ("欧阳小明", "***明"), ("张", "*"), ("", "")])
def test_names(name: str, shown: str) -> None:
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [("110101199003071234", "110***********1234"), ("E12345678", "E*******8"), ("123", "***"), ("", "")],
)
def test_documents(number: str, shown: str) -> None:
    assert mask_document(number) == shown


@pytest.mark.parametrize("number", ["13812345678", "+8613812345678"])
def test_phones(number: str) -> None:
    assert mask_phone(number) == "138****5678"


def test_cards() -> None:
    assert mask_card("3105170070104791381") == "****1381"
    assert mask_card("1234567") == "****"


@given(st.text(alphabet="0123456789X", max_size=30))
def test_at_least_four_characters_or_half_stay_hidden(number: str) -> None:
    for shown in (mask_document(number), mask_phone(number)):
        assert shown.count("*") >= min(4, (len(number) + 1) // 2)
        assert len(shown) == len(number)
