"""Words for what stands on a card: families, kinds of cards, transactions and trips, industries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

Words = Mapping[str, Promise]

FAMILIES: Final[Words] = {
    "t-union": pgettext_lazy("card", "T-Union"),
    "city-union": pgettext_lazy("card", "city union"),
    "chongqing": pgettext_lazy("card", "Chongqing"),
    "changsha": pgettext_lazy("card", "Changsha"),
    "tsinghua": pgettext_lazy("card", "Tsinghua University"),
    "shenzhen": pgettext_lazy("card", "Shenzhen Tong"),
    "wuhan": pgettext_lazy("card", "Wuhan Tong"),
    "lingnan": pgettext_lazy("card", "Lingnan Pass"),
    "suzhou": pgettext_lazy("card", "Suzhou citizen card"),
    "macau": pgettext_lazy("card", "Macau Pass"),
    "beijing": pgettext_lazy("card", "Beijing transit card"),
    "etc": pgettext_lazy("card", "motorway toll card (ETC)"),
    "unlisted": pgettext_lazy("card", "purse card of an unlisted family"),
}
CARD_KINDS: Final[Words] = {
    "normal": pgettext_lazy("card", "normal card"),
    "student": pgettext_lazy("card", "student card"),
    "elder": pgettext_lazy("card", "senior card"),
    "test": pgettext_lazy("card", "test card"),
    "soldier": pgettext_lazy("card", "soldier's card"),
    "staff": pgettext_lazy("card", "staff card"),
    "disabled": pgettext_lazy("card", "disability card"),
}
TRANSACTIONS: Final[Words] = {
    "ed_load": pgettext_lazy("card", "load of the deposit"),
    "load": pgettext_lazy("card", "load"),
    "unload": pgettext_lazy("card", "unload"),
    "ed_withdraw": pgettext_lazy("card", "cash withdrawal"),
    "ed_purchase": pgettext_lazy("card", "purchase from the deposit"),
    "purchase": pgettext_lazy("card", "purchase"),
    "overdraft_update": pgettext_lazy("card", "overdraft limit changed"),
    "capp_purchase": pgettext_lazy("card", "compound purchase"),
}
TRIPS: Final[Words] = {
    "initial": pgettext_lazy("card", "initial"),
    "cash_in": pgettext_lazy("card", "entry (electronic cash)"),
    "cash_out": pgettext_lazy("card", "exit (electronic cash)"),
    "in": pgettext_lazy("card", "entry"),
    "out": pgettext_lazy("card", "exit"),
    "cash_single": pgettext_lazy("card", "single fare (electronic cash)"),
    "single": pgettext_lazy("card", "single fare"),
    "cash_top_up_fare": pgettext_lazy("card", "excess fare (electronic cash)"),
    "top_up_fare": pgettext_lazy("card", "excess fare"),
    "cash_load": pgettext_lazy("card", "load (electronic cash)"),
    "load": pgettext_lazy("card", "load"),
}
INDUSTRIES: Final[Words] = {
    "metro": pgettext_lazy("card", "metro"),
    "bus": pgettext_lazy("card", "bus"),
    "ferry_boat": pgettext_lazy("card", "ferry boat"),
    "taxi": pgettext_lazy("card", "taxi"),
    "rental_car": pgettext_lazy("card", "rental car"),
    "public_bicycle": pgettext_lazy("card", "public bicycle"),
    "parking": pgettext_lazy("card", "parking"),
    "coach": pgettext_lazy("card", "coach"),
    "ferry": pgettext_lazy("card", "ferry"),
    "intercity_rail": pgettext_lazy("card", "intercity rail"),
    "air": pgettext_lazy("card", "air"),
    "motorway_toll": pgettext_lazy("card", "motorway toll"),
    "suburban_rail": pgettext_lazy("card", "suburban rail"),
}
