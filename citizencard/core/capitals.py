"""Amounts in the capital numerals of Chinese vouchers, which nobody can change into others.

By the rules for filling in bills and settlement vouchers 正确填写票据和结算凭证的基本规定 (支付结算办法, annex 1).
"""

from __future__ import annotations

from typing import Final

_DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("仟", "佰", "拾", "")
_GROUPS: Final = ("", "万", "亿", "万亿")


def capital_yuan(amount_fen: int) -> str:
    """`140950` → `壹仟肆佰零玖元伍角`, `10000` → `壹佰元整`. Raises ValueError below 0 and from ten thousand billion yuan on."""
    if not 0 <= amount_fen < 10**18:
        raise ValueError("no amount for a voucher")
    yuan, rest = divmod(amount_fen, 100)
    jiao, fen = divmod(rest, 10)
    words = f"{_whole(yuan)}元" if yuan or not rest else ""
    if not rest:
        return f"{words}整"
    if words and (not jiao or yuan % 10 == 0):
        words += "零"
    return words + (f"{_DIGITS[jiao]}角" if jiao else "") + (f"{_DIGITS[fen]}分" if fen else "")


def _whole(yuan: int) -> str:
    """Groups of four digits; however many zeros there are between two digits, one is said."""
    if not yuan:
        return _DIGITS[0]
    words, skipped = "", False
    for power in reversed(range(len(_GROUPS))):
        group = yuan // 10_000**power % 10_000
        if group:
            gap = words and (skipped or group < 1_000)
            words += ("零" if gap else "") + _group(group) + _GROUPS[power]
        skipped = not group
    return words


def _group(number: int) -> str:
    """1 to 9999, zeros at its end left out."""
    words, gap = "", False
    for digit, place in zip(map(int, f"{number:04d}"), _PLACES, strict=True):
        if digit:
            words += ("零" if gap and words else "") + _DIGITS[digit] + place
        gap = not digit
    return words
