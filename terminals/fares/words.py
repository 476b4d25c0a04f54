"""A derivation in words, in three languages: one sentence for each step and one for the sum. Terminals have no Django."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from terminals.fares.charge import Charge
from terminals.fares.documents import LANGUAGES

Sentences = Mapping[str, str]

WORDS: Final[Mapping[str, Sentences]] = {
    "flat": {"zh-Hans": "一票制票价", "zh-Hant": "一票制票價", "en": "flat fare"},
    "free": {"zh-Hans": "免费", "zh-Hant": "免費", "en": "free of charge"},
    "entered": {"zh-Hans": "录入金额", "zh-Hant": "錄入金額", "en": "amount entered"},
    "time": {
        "zh-Hans": "停留{minutes}分钟",
        "zh-Hant": "停留{minutes}分鐘",
        "en": "stay of {minutes} minutes",
    },
    "pair": {
        "zh-Hans": "{entry}至{leaving}",
        "zh-Hant": "{entry}至{leaving}",
        "en": "{entry} to {leaving}",
    },
    "section": {
        "zh-Hans": "{entry}至{leaving}，共{sections}段",
        "zh-Hant": "{entry}至{leaving}，共{sections}段",
        "en": "{entry} to {leaving}, {sections} sections",
    },
    "metered": {
        "zh-Hans": "{metres}米：里程{distance_fen}元，夜间加价{night_fen}元，等候{waiting_fen}元，燃油附加费{fuel_fen}元，取整",
        "zh-Hant": "{metres}米：里程{distance_fen}元，夜間加價{night_fen}元，等候{waiting_fen}元，燃油附加費{fuel_fen}元，取整",
        "en": "{metres} m: distance {distance_fen}, night {night_fen}, waiting {waiting_fen}, fuel {fuel_fen} yuan, rounded",
    },
    "held": {
        "zh-Hans": "缺少一次刷卡，按最高票价暂收",
        "zh-Hant": "缺少一次刷卡，按最高票價暫收",
        "en": "one tap is missing: held at the highest fare",
    },
    "inferred": {
        "zh-Hans": "按相邻刷卡补全：{entry}至{leaving}",
        "zh-Hant": "按相鄰刷卡補全：{entry}至{leaving}",
        "en": "completed by the card's next or last tap: {entry} to {leaving}",
    },
    "claimed": {
        "zh-Hans": "按乘客申报补全：{entry}至{leaving}",
        "zh-Hant": "按乘客申報補全：{entry}至{leaving}",
        "en": "completed as the passenger says: {entry} to {leaving}",
    },
    "concession": {
        "zh-Hans": "{name}，支付{percent}%",
        "zh-Hant": "{name}，支付{percent}%",
        "en": "{name}, {percent} % to pay",
    },
    "transfer": {
        "zh-Hans": "{name}，{minutes}分钟内换乘",
        "zh-Hant": "{name}，{minutes}分鐘內轉乘",
        "en": "{name}, changed within {minutes} minutes",
    },
    "cap": {
        "zh-Hans": "{name}，封顶{limit_fen}元",
        "zh-Hant": "{name}，封頂{limit_fen}元",
        "en": "{name}, no more than {limit_fen} yuan",
    },
    "sum": {"zh-Hans": "合计", "zh-Hant": "合計", "en": "to pay"},
}


def explain(charge: Charge, language: str) -> list[tuple[str, int]]:
    """Sentence and amount (fen) of each step, and last the sum. A language not among `LANGUAGES` raises KeyError."""
    lines = [(sentence(step.message, step.values, language), step.amount_fen) for step in charge.steps]
    return [*lines, (sentence("sum", {}, language), charge.amount_fen)]


def sentence(message: str, values: Mapping[str, Any], language: str) -> str:
    """A message of a derivation in words."""
    return WORDS[message][language].format_map(
        {key: _said(key, value, language) for key, value in values.items()}
    )


def named(name: Mapping[str, str], language: str) -> str:
    """A document's name in the language, however its code is written, or the first there is."""
    known = {code.lower(): text for code, text in name.items()}
    return next(known[code] for code in (language.lower(), *map(str.lower, LANGUAGES)) if code in known)


def _said(key: str, value: object, language: str) -> str:
    """An amount as yuan, a name in the language or the first there is, anything else as it is."""
    if isinstance(value, Mapping):
        return named(value, language)
    if key.endswith("_fen") and isinstance(value, int):
        return f"{value // 100}.{value % 100:02d}"
    return str(value)
