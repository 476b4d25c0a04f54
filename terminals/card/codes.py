"""Names for the codes on cards. They are told beside the code, never instead of it; an unknown code has no name.

Cities are numbered in two ways that must not be mixed: T-Union (EF15, EF17, EF1E) uses the region codes of UnionPay,
the city union (EF15) a shortened post code. Both lists hold what public sources agree on or at least name; where two
sources give a city different codes, both codes lead to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

T_UNION_REGIONS: Final[Mapping[str, str]] = {
    "1000": "北京",
    "1100": "天津",
    "1121": "天津",
    "1210": "石家庄",
    "2210": "沈阳",
    "2900": "上海",
    "3010": "南京",
    "3050": "苏州",
    "3310": "杭州",
    "3900": "福建",
    "3970": "泉州",
    "4930": "洛阳",
    "5510": "长沙",
    "5800": "广东",
    "5810": "广州",
    "5840": "深圳",
    "6510": "成都",
    "6530": "重庆",
    "6900": "重庆",
    "7910": "西安",
}
"""UnionPay region codes. One reader prints 4930 for 长沙 too, but 5510 is 长沙's own."""

CITY_UNION_CITIES: Final[Mapping[str, str]] = {
    "0001": "北京未来科学城",
    "2000": "上海",
    "3000": "天津",
    "3100": "杭州",
    "3300": "南昌",
    "4000": "重庆",
    "4100": "长沙",
}
"""Shortened post codes; 3100 and 4100 are known from cards and scripts of those cities only."""

CARD_KINDS: Final[Mapping[int, str]] = {1: "normal", 2: "student", 3: "elder", 4: "test", 5: "soldier"}
"""Card kind of EF17 as two public readers name it."""

CARD_KINDS_OTHER_READING: Final[Mapping[int, str]] = {
    1: "normal",
    2: "elder",
    3: "student",
    4: "staff",
    5: "disabled",
    6: "soldier",
}
"""Card kind of EF17 as a third reader names it. A family takes one list or the other, or the city's own."""

TRIP_KINDS: Final[Mapping[int, str]] = {
    0x00: "initial",
    0x01: "cash_in",
    0x02: "cash_out",
    0x03: "in",
    0x04: "out",
    0x05: "cash_single",
    0x06: "single",
    0x07: "cash_top_up_fare",
    0x08: "top_up_fare",
    0x09: "cash_load",
    0x0A: "load",
}
"""Type of an EF1E record; `cash_` is the card's electronic cash, the others its purse. One reader takes 02 as single."""

INDUSTRIES: Final[Mapping[int, str]] = {
    0x01: "metro",
    0x02: "bus",
    0x03: "ferry_boat",
    0x04: "taxi",
    0x05: "rental_car",
    0x06: "public_bicycle",
    0x07: "parking",
    0x08: "coach",
    0x09: "ferry",
    0x0A: "intercity_rail",
    0x0B: "air",
    0x0C: "motorway_toll",
    0x0E: "suburban_rail",
}
"""Industry of an EF1E record."""
