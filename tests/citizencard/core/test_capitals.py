"""Amounts in capitals: the examples of the rule, and every amount read back by another way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizencard.core.capitals import capital_yuan

# 正确填写票据和结算凭证的基本规定, and what it leaves to common sense.
RULE = {
    140_950: "壹仟肆佰零玖元伍角",
    600_714: "陆仟零柒元壹角肆分",
    168_032: "壹仟陆佰捌拾元零叁角贰分",
    10_700_053: "壹拾万柒仟元零伍角叁分",
    1_640_902: "壹万陆仟肆佰零玖元零贰分",
    32_504: "叁佰贰拾伍元零肆分",
    0: "零元整",
    5: "伍分",
    50: "伍角",
    10_000: "壹佰元整",
    100_000: "壹仟元整",
    10_010_001: "壹拾万零壹佰元零壹分",
    10_000_200_000: "壹亿零贰仟元整",
    1_000_000_001_000: "壹佰亿零壹拾元整",
}
_DIGIT = {sign: number for number, sign in enumerate("零壹贰叁肆伍陆柒捌玖")}
_PLACE = {"拾": 10, "佰": 100, "仟": 1_000}


def read(words: str) -> int:
    """Fen, read digit by digit as a cashier would."""
    done = group = digit = total_fen = 0
    for sign in words:
        if sign in _DIGIT:
            digit = _DIGIT[sign]
        elif sign in _PLACE:
            group, digit = group + digit * _PLACE[sign], 0
        elif sign in "万亿":
            group, digit = group + digit, 0
            worth = 10_000 if sign == "万" else 10**8
            # 万亿 is ten thousand times a hundred million.
            done, group = ((done + group) * worth, 0) if sign == "亿" else (done + group * worth, 0)
        elif sign == "元":
            total_fen, group, digit = (done + group + digit) * 100, 0, 0
        elif sign in "角分":
            total_fen, digit = total_fen + digit * (10 if sign == "角" else 1), 0
    return total_fen


@pytest.mark.parametrize(("amount_fen", "words"), RULE.items())
def test_the_examples_of_the_rule(amount_fen: int, words: str) -> None:
    assert capital_yuan(amount_fen) == words


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**13) | st.integers(0, 10**7).map(lambda number: number * 1_000))
def test_every_amount_is_read_back(amount_fen: int) -> None:
    words = capital_yuan(amount_fen)
    assert read(words) == amount_fen
    assert "零零" not in words
    assert "零元" not in words or amount_fen == 0
    assert words.endswith("整") == (amount_fen % 100 == 0)


def test_what_is_no_amount_is_refused() -> None:
    for wrong in (-1, 10**18):
        with pytest.raises(ValueError, match="no amount"):
            capital_yuan(wrong)
