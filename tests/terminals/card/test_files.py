from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card.city_files import CampusHolder, CampusIssue, MetroControl, MetroIssue, TollIssue
from terminals.card.compound import (
    BusRecord,
    BusStop,
    MetroPass,
    MetroRecord,
    PrivateRecord,
    parse_compound,
)
from terminals.card.errors import FormatError
from terminals.card.files import (
    Fci,
    HolderInfo,
    LogRecord,
    ManagementInfo,
    PublicInfo,
    PurseStart,
    TripRecord,
)
from terminals.card.layout import Layout
from terminals.card.profile import CITY_UNION, T_UNION
from terminals.card.sam_files import SamInfo, SamManagement, SamTerminal
from tests.terminals.card.vectors import named, vector


def exactly(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def uint(size: int) -> st.SearchStrategy[int]:
    return st.integers(0, 256**size - 1)


def digits(size: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=2 * size, max_size=2 * size)


days = st.dates(date(1990, 1, 1), date(2099, 12, 31))
times = st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2099-12-31")).map(
    lambda when: when.replace(microsecond=0)
)
names = st.text("张晓明阿依古丽·买提𠮷田CHEN Xiao-Ming", max_size=5).map(str.strip)
plates = st.text("京沪A12345", max_size=8)
passes = st.builds(MetroPass, digits(2), exactly(8), exactly(8), exactly(8), st.none() | times)
stops = st.builds(
    BusStop, digits(2), exactly(8), exactly(2), exactly(2), uint(1), exactly(8), exactly(8), st.none() | times
)
compound_layouts = st.one_of(
    st.builds(
        MetroRecord,
        interoperable=uint(1),
        lock=uint(1),
        serial=digits(8),
        state=uint(1),
        entry=passes,
        exit=passes,
        max_fare_fen=uint(4),
        entry_line=uint(1),
        exit_line=uint(1),
        amount_fen=uint(4),
        balance_after_fen=uint(4),
        reserved=exactly(33),
    ),
    st.builds(
        BusRecord,
        mode=uint(1),
        lock=uint(1),
        serial=digits(8),
        state=uint(1),
        boarding=stops,
        max_fare_fen=uint(4),
        direction=uint(1),
        alighting=stops,
        amount_fen=uint(4),
        distance=exactly(2),
        reserved=exactly(26),
    ),
)
layouts: st.SearchStrategy[Layout] = st.one_of(
    compound_layouts,
    st.builds(
        MetroIssue,
        digits(2),
        digits(2),
        digits(2),
        uint(1),
        exactly(1),
        digits(8),
        digits(2),
        st.none() | days,
        exactly(6),
        digits(2),
        st.none() | days,
        st.none() | days,
        exactly(2),
    ),
    st.builds(MetroControl, uint(1), uint(4), uint(1), exactly(6), uint(2), exactly(18)),
    st.builds(CampusHolder, names, exactly(8), digits(2)),
    st.builds(CampusIssue, exactly(6), digits(4), exactly(2), digits(3), digits(3), exactly(15)),
    st.builds(
        TollIssue,
        exactly(8),
        uint(1),
        uint(1),
        digits(2),
        digits(8),
        st.none() | days,
        st.none() | days,
        plates,
        uint(1),
        uint(1),
        uint(1),
    ),
    st.builds(PublicInfo, exactly(8), uint(1), uint(1), digits(10), days, days, exactly(2)),
    st.builds(HolderInfo, uint(1), uint(1), names, digits(9), uint(1)),
    st.builds(ManagementInfo, digits(4), digits(2), digits(2), uint(2), uint(1), exactly(49)),
    st.builds(LogRecord, uint(2), uint(3), uint(4), uint(1), exactly(6), times),
    st.builds(
        TripRecord,
        uint(1),
        exactly(8),
        uint(1),
        digits(4),
        exactly(3),
        uint(4),
        uint(4),
        times,
        digits(2),
        exactly(8),
        exactly(6),
    ),
    st.builds(PurseStart, uint(4), uint(3), uint(2), uint(2)),
    st.builds(SamInfo, digits(10), uint(1), uint(1), exactly(2)),
    st.builds(SamTerminal, exactly(6)),
    st.builds(SamManagement, uint(1), exactly(8), exactly(8), days, days),
)


@given(layouts)
def test_round_trip(layout: Layout) -> None:
    content = layout.to_bytes()
    assert len(content) == layout.length()
    assert type(layout).parse(content) == layout


@given(compound_layouts | st.builds(PrivateRecord, st.integers(0, 0x26), uint(1), st.binary(max_size=254)))
def test_a_compound_record_is_recognised(record: MetroRecord | BusRecord | PrivateRecord) -> None:
    assert parse_compound(record.to_bytes()) == record


KINDS = (
    PublicInfo,
    HolderInfo,
    ManagementInfo,
    LogRecord,
    TripRecord,
    PurseStart,
    SamInfo,
    SamTerminal,
    SamManagement,
    MetroRecord,
    BusRecord,
    MetroIssue,
    MetroControl,
    CampusHolder,
    CampusIssue,
    TollIssue,
)


@given(st.binary(max_size=140), st.sampled_from(KINDS))
def test_any_bytes_parse_or_are_refused(content: bytes, kind: type[Layout]) -> None:
    for parse in (kind.parse, lambda data: kind.parse(data.ljust(kind.length())[: kind.length()])):
        try:
            assert isinstance(parse(content), kind)
        except FormatError:
            continue


@given(st.binary(max_size=300) | st.binary(max_size=140).map(lambda tail: b"\x27\x01" + tail))
def test_any_bytes_are_a_compound_record_or_refused(content: bytes) -> None:
    try:
        record = parse_compound(content)
    except FormatError:
        return
    assert content.startswith(record.to_bytes())


@given(st.builds(Fci, st.binary(max_size=16), st.none() | uint(1), st.binary(max_size=100)))
def test_an_fci_round_trip(fci: Fci) -> None:
    assert Fci.parse(fci.to_bytes()) == fci


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda data: bytes([0x6F, len(data)]) + data))
def test_any_bytes_are_an_fci_or_refused(data: bytes) -> None:
    try:
        Fci.parse(data).public_info  # noqa: B018  parsing is what is tried
    except FormatError:
        return


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        (PublicInfo, 30),
        (HolderInfo, 55),
        (ManagementInfo, 60),
        (LogRecord, 23),
        (TripRecord, 48),
        (SamInfo, 14),
        (SamTerminal, 6),
        (SamManagement, 25),
        (MetroRecord, 128),
        (BusRecord, 128),
        (MetroIssue, 40),
        (MetroControl, 32),
        (CampusHolder, 38),
        (CampusIssue, 33),
        (TollIssue, 43),
    ],
)
def test_lengths_of_the_standard(kind: type[Layout], length: int) -> None:
    assert kind.length() == length


@pytest.mark.parametrize("name", named("log-record"))
def test_log_records_of_real_cards(name: str) -> None:
    given_, expected = vector(name)
    record = LogRecord.parse(bytes.fromhex(given_["record"]))
    assert record.sequence == expected["seq"]
    assert record.overdraft_limit_fen == expected["overdraft"]
    assert record.amount_fen == expected["amount_fen"]
    assert f"{record.kind:02X}" == expected["type"]
    assert record.terminal_no.hex() == expected["terminal"]
    assert record.when.strftime("%Y%m%d%H%M%S") == expected["date"] + expected["time"]
    assert record.to_bytes().hex().upper() == given_["record"].upper()


def test_a_t_union_card() -> None:
    given_, expected = vector("tunion-fci-ef17")
    fci = Fci.parse(bytes.fromhex(given_["fci"]))
    assert fci.name == T_UNION.aid
    assert fci.public_info is not None
    assert T_UNION.card_number(fci.public_info) == expected["card_number"]
    assert fci.public_info.start.strftime("%Y%m%d") == expected["start"]
    assert fci.public_info.expiry.strftime("%Y%m%d") == expected["expiry"]
    assert fci.public_info.serial8.hex() == expected["card_number"][3:]
    assert fci.to_bytes().hex().upper() == given_["fci"]
    management = ManagementInfo.parse(bytes.fromhex(given_["ef17_first_11"]))
    assert (management.province, management.city) == (expected["province_code"], expected["city_code"])
    assert (management.interoperable, management.card_kind) == (1, 1)


def test_another_t_union_card() -> None:
    given_, expected = vector("hce-tunion-ef15")
    info = PublicInfo.parse(bytes.fromhex(given_["ef15"]))
    assert T_UNION.card_number(info) == expected["card_number"]
    assert info.expiry == date(2040, 12, 31)


def test_a_city_union_card() -> None:
    given_, expected = vector("cityunion-fci")
    fci = Fci.parse(bytes.fromhex(given_["fci"]))
    assert fci.name == CITY_UNION.aid
    assert fci.public_info is not None
    assert CITY_UNION.card_number(fci.public_info) == expected["card_number"]
    assert fci.public_info.issuer_id[2:4].hex() == expected["city_code"]


def test_an_old_city_card() -> None:
    given_, expected = vector("hangzhou-old-card")
    info = PublicInfo.parse(bytes.fromhex(given_["ef15"]))
    assert CITY_UNION.card_number(info) == expected["card_number"]
    assert info.start.strftime("%Y%m%d") == expected["start"]
    assert LogRecord.parse(bytes.fromhex(given_["record"])).amount_fen == expected["amount_fen"]


def test_a_psam() -> None:
    given_, expected = vector("etc-psam-ef15-ef16")
    info = SamInfo.parse(bytes.fromhex(given_["00B095000E_first_12_bytes"]) + bytes(2))
    assert info.serial == expected["psam_serial"]
    assert (info.version, info.key_card_type) == (1, 1)
    assert (
        SamTerminal.parse(bytes.fromhex(given_["00B0960006"])).terminal_no.hex()
        == expected["terminal_id"].lower()
    )


def test_a_card_number_has_its_family_length() -> None:
    assert T_UNION.serial_of("3105170070104791381") == "03105170070104791381"
    for wrong in ("310517007010479138", "31051700701047913812", "310517007010479138x", "٣" * 19):
        with pytest.raises(ValueError, match="19 digits"):
            T_UNION.serial_of(wrong)


def test_a_name_that_does_not_fit_is_refused_with_the_field_named() -> None:
    with pytest.raises(FormatError, match=r"HolderInfo\.name: 22 bytes"):
        HolderInfo(1, 0, "阿依古丽买买提江阿不都", "").to_bytes()


def test_an_impossible_date_is_refused_with_the_field_named() -> None:
    with pytest.raises(FormatError, match=r"LogRecord\.when"):
        LogRecord.parse(bytes.fromhex("0001000000000000000600000000000020261301120000"))


def test_an_answer_without_fci_is_refused() -> None:
    with pytest.raises(FormatError, match="no FCI"):
        Fci.parse(bytes.fromhex("840101"))
