"""The card families that can be read, as declarations: how to find them and where they keep what they show.

A family says nothing about paying: that is `profile.CardProfile`, for the cards this system issues. Where public
readers of a family disagree, the rule used comes first and the other stands beside it. A city that knows better passes
its own tuple of families to `describe_card`; `dataclasses.replace` of one of these is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from terminals.card.city_files import CampusHolder, CampusIssue, MetroControl, MetroIssue, TollIssue
from terminals.card.codes import CARD_KINDS, CITY_UNION_CITIES, T_UNION_REGIONS
from terminals.card.commands import DEPOSIT, PURSE
from terminals.card.files import EF05, EF1A, EF11, EF15, EF16, HolderInfo
from terminals.card.layout import Layout
from terminals.card.places import INFO, Coding, NumberPlace, Place, Source, under_master_file
from terminals.card.profile import CITY_UNION as CITY_UNION_PROFILE
from terminals.card.profile import T_UNION as T_UNION_PROFILE


@dataclass(frozen=True, slots=True)
class CardFamily:
    """One family of purse cards. Places are tried in order; the first file a card has is taken."""

    code: str
    names: tuple[bytes, ...] = ()
    """Application names: selected by, and recognised as the beginning of the name in the answer to SELECT."""
    by_file_id: bool = False
    """The application is only found by file identifier; the name in its answer to SELECT tells the family."""
    mark: tuple[Place, bytes] | None = None
    """What stands in a file of such a card, for a city whose application has the same name as others'."""
    money_name: bytes | None = None
    """The application that holds balance and log, when it is another."""
    number: tuple[NumberPlace, ...] = (NumberPlace(INFO, 10, 20),)
    other_number: NumberPlace | None = None
    """The number as another public reader shows it, where the sources disagree."""
    start: tuple[Place, ...] = (Place(INFO, 20, 24),)
    expiry: tuple[Place, ...] = (Place(INFO, 24, 28),)
    holder: type[Layout] = HolderInfo
    files: Mapping[str, tuple[Source, type[Layout]]] = field(default_factory=dict)
    """Further files to show, by the name they are shown under."""
    purse: int = PURSE
    """P2 of GET BALANCE."""
    splits_balance: bool = False
    """GET BALANCE tells the overdraft apart (P1 01 to 03), and EF17 holds management information."""
    has_trips: bool = False
    compound_sfis: tuple[int, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict)
    """Names of the city codes in EF15 bytes 2 and 3; empty when these bytes are no city."""
    card_kinds: Mapping[int, str] = field(default_factory=dict)
    currency: str = "CNY"
    unit_fen: int = 1
    """Hundredths of the currency in one unit of the chip's amounts."""
    offset_fen: int = 0
    """What the chip's balance counts too much, in hundredths."""


T_UNION: Final = CardFamily(
    T_UNION_PROFILE.code,
    names=(T_UNION_PROFILE.aid,),
    number=(NumberPlace(INFO, 10, 20, skip=1),),
    splits_balance=True,
    has_trips=True,
    compound_sfis=(EF1A,),
    regions=T_UNION_REGIONS,
    card_kinds=CARD_KINDS,
)
"""交通联合, JT/T 978: nineteen digits beginning with 31."""

CITY_UNION: Final = CardFamily(
    CITY_UNION_PROFILE.code,
    names=(CITY_UNION_PROFILE.aid,),
    number=(NumberPlace(INFO, 12, 20),),
    compound_sfis=(0x17,),
    regions=CITY_UNION_CITIES,
)
"""住建部 city union, CJ/T 166. Two readers show the last four bytes as a decimal instead, each city its own byte order."""

ISSUER_CITY: Final = Place(INFO, 2, 4)
"""The issuer's city, in both unions."""
MF_05: Final = under_master_file(EF05, 48)

CHONGQING: Final = replace(
    CITY_UNION,
    code="chongqing",
    mark=(ISSUER_CITY, bytes.fromhex("4000")),
    number=(NumberPlace(MF_05, 12, 20),),
    start=(Place(MF_05, 20, 24),),
    expiry=(Place(INFO, 8, 12),),
)
"""重庆: number and issue date in EF05 of the MF, expiry elsewhere in EF15."""

CHANGSHA: Final = replace(
    CITY_UNION,
    code="changsha",
    mark=(ISSUER_CITY, bytes.fromhex("4100")),
    files={
        "issue": (under_master_file(EF05, MetroIssue.length()), MetroIssue),
        "control": (Source(EF11, (MetroControl.length(),)), MetroControl),
    },
)
"""长沙, CJ/T metro card; the place of EF05 under the MF is taken from its sister cities."""

CAMPUS_ISSUE: Final = under_master_file(EF15, CampusIssue.length())

TSINGHUA: Final = replace(
    CITY_UNION,
    code="tsinghua",
    mark=(Place(INFO, 0, 4), bytes.fromhex("62640022")),
    number=(NumberPlace(Source(EF16, (CampusHolder.length(),)), 28, 38, Coding.TEXT),),
    expiry=(Place(CAMPUS_ISSUE, 12, 15),),
    start=(),
    holder=CampusHolder,
    files={"campus": (CAMPUS_ISSUE, CampusIssue)},
    purse=DEPOSIT,
    regions={},
)
"""清华大学 campus card: the purse is the deposit, the number is the student's."""

SHENZHEN: Final = CardFamily(
    "shenzhen",
    names=(b"PAY.SZT",),
    number=(NumberPlace(INFO, 16, 20, Coding.BIG_ENDIAN),),
    other_number=NumberPlace(INFO, 16, 20, Coding.LITTLE_ENDIAN),
)
"""深圳通. Public readers disagree on the number's byte order."""

WUHAN: Final = CardFamily(
    "wuhan",
    names=(b"AP1.WHCTC",),
    number=(NumberPlace(under_master_file(0x0A, 32), 0, 5), NumberPlace(INFO, 12, 20)),
    start=(Place(under_master_file(EF05, 32), 20, 24), Place(INFO, 20, 24)),
    expiry=(Place(under_master_file(EF05, 32), 16, 20), Place(INFO, 24, 28)),
)
"""武汉通: old cards keep number and dates under the MF, newer ones in EF15."""

LINGNAN: Final = CardFamily(
    "lingnan",
    names=(b"PAY.APPY",),
    money_name=b"PAY.TICL",
    number=(NumberPlace(INFO, 11, 16),),
)
"""岭南通: one application for the card, another for the money."""

SUZHOU: Final = CardFamily(
    "suzhou",
    names=(b"SUXIN.DDF01",),
    number=(NumberPlace(INFO, 0, 8),),
    purse=DEPOSIT,
)
"""苏州市民卡: the purse is the deposit; there is no log."""

MACAU: Final = CardFamily(
    "macau",
    names=("澳门通钱包".encode("gbk"),),
    number=(NumberPlace(INFO, 35, 40), NumberPlace(Source(EF15, (45,)), 35, 40)),
    currency="MOP",
    unit_fen=10,
    offset_fen=1000,
)
"""澳门通: amounts in tenths of a pataca, and the balance counts from minus ten patacas."""

MF_04: Final = under_master_file(0x04, 32)

BEIJING: Final = CardFamily(
    "beijing",
    names=(b"PBOC",),
    mark=(Place(MF_04, 0, 2), bytes.fromhex("1000")),
    number=(NumberPlace(MF_04, 0, 8),),
    start=(Place(MF_04, 24, 28),),
    expiry=(Place(MF_04, 28, 32),),
)
"""北京市政交通一卡通, not yet part of T-Union: number and dates in EF04 of the MF."""

TOLL: Final = CardFamily(
    "etc",
    names=(b"PAY.ETC", b"ETC"),
    by_file_id=True,
    files={"toll": (Source(EF15, (TollIssue.length(),)), TollIssue)},
    compound_sfis=(0x19,),
)
"""Motorway toll (ETC) user card: twenty digits, the network's four first."""

UNLISTED: Final = CardFamily("unlisted", by_file_id=True)
"""Any other application with a purse: what stands in the common places is shown."""

FAMILIES: Final = (
    T_UNION,
    CHONGQING,
    CHANGSHA,
    TSINGHUA,
    CITY_UNION,
    SHENZHEN,
    WUHAN,
    LINGNAN,
    SUZHOU,
    MACAU,
    BEIJING,
    TOLL,
    UNLISTED,
)
"""In the order they are looked for; a city with a mark of its own is looked for inside its union's application."""
