"""Every family is found by what it answers, and shows what stands where the family keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from terminals.card import tlv
from terminals.card.apdu import ApduError
from terminals.card.describe import describe_card
from terminals.card.errors import CardError
from terminals.card.families import FAMILIES, SHENZHEN, T_UNION
from terminals.card.places import Coding, NumberPlace
from terminals.card.reading import CardReader
from terminals.readers.memory import MemoryTransport
from tests.terminals.card.replay import ReplayCard

OK = "9000"
NO_RECORD = {f"00B2{n:02X}C4{le}": "6A83" for n in range(1, 11) for le in ("17", "00")}
CARD_BALANCE = {"805C000204": "00000BB8" + OK}
INFO = "01013620FFFFFFFF02010000362000001234567820200102203012310000"


def select_name(name: bytes) -> str:
    return f"00A40400{len(name):02X}{name.hex().upper()}00"


def select_file(file_id: str) -> str:
    return f"00A4000002{file_id}00"


def fci(name: bytes, issuer_data: str = "") -> str:
    data = tlv.build(0x9F0C, bytes.fromhex(issuer_data)) if issuer_data else b""
    return tlv.build(0x6F, tlv.build(0x84, name) + tlv.build(0xA5, data)).hex() + OK


def shown(answers: dict[str, str], **how: Any) -> dict[str, Any]:
    return describe_card(MemoryTransport(ReplayCard(NO_RECORD | answers, **how)))


class Selective(ReplayCard):
    """Answers some commands, by their first digits, in one directory only."""

    def __init__(self, answers: dict[str, str], places: dict[str, str]) -> None:
        super().__init__(answers)
        self._places, self._directory = places, ""

    def transmit(self, apdu: bytes) -> bytes:
        answer, asked = super().transmit(apdu), apdu.hex().upper()
        if asked.startswith("00A4") and answer.endswith(b"\x90\x00"):
            self._directory = asked
        elsewhere = (
            asked.startswith(head) and self._directory != place for head, place in self._places.items()
        )
        return bytes.fromhex("6A82") if any(elsewhere) else answer


def facts(card: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(card[name] for name in ("family", "card_number", "start", "expiry", "balance_fen"))


def at(length: int, **pieces: str) -> str:
    """A file of zeros with pieces in it, by their offset `b<offset>`."""
    content = bytearray(length)
    for name, piece in pieces.items():
        data, offset = bytes.fromhex(piece), int(name[1:])
        content[offset : offset + len(data)] = data
    return content.hex().upper()


CITY_AID = bytes.fromhex("A00000000386980701")


def test_shenzhen_and_its_disputed_number() -> None:
    info = at(32, b16="0000ABCD", b20="2017010120270101")
    answers = CARD_BALANCE | {select_name(b"PAY.SZT"): fci(b"PAY.SZT", info)}
    card = shown(answers)
    assert facts(card) == ("shenzhen", str(0xABCD), "2017-01-01", "2027-01-01", 3000)
    assert card["other_number"] == str(0xCDAB0000)
    own = replace(SHENZHEN, number=(NumberPlace(SHENZHEN.number[0].source, 16, 20, Coding.LITTLE_ENDIAN),))
    city = describe_card(MemoryTransport(ReplayCard(answers)), families=(own,))
    assert city["card_number"] == str(0xCDAB0000)


def test_wuhan_old_and_new() -> None:
    found = CARD_BALANCE | {select_name(b"AP1.WHCTC"): fci(b"AP1.WHCTC")}
    old = found | {
        select_file("3F00"): OK,
        "00B08A0020": at(32, b0="0123456789") + OK,
        "00B0850020": at(32, b16="20300101", b20="20200101") + OK,
    }
    assert facts(shown(old)) == ("wuhan", "0123456789", "2020-01-01", "2030-01-01", 3000)
    new = found | {"00B095001E": INFO + OK}
    assert facts(shown(new)) == ("wuhan", "3620000012345678", "2020-01-02", "2030-12-31", 3000)


def test_lingnan_keeps_its_money_in_another_application() -> None:
    answers = CARD_BALANCE | {
        select_name(b"PAY.APPY"): fci(b"PAY.APPY", at(30, b11="5100001234", b20="2020010220301231")),
        select_name(b"PAY.TICL"): fci(b"PAY.TICL"),
    }
    only_there = {"805C": select_name(b"PAY.TICL"), "00B2": select_name(b"PAY.TICL")}
    card = describe_card(MemoryTransport(Selective(NO_RECORD | answers, only_there)))
    assert facts(card) == ("lingnan", "5100001234", "2020-01-02", "2030-12-31", 3000)


def test_suzhou_counts_in_its_deposit() -> None:
    card = shown(
        {
            select_name(b"SUXIN.DDF01"): fci(
                b"SUXIN.DDF01", at(30, b0="3205000012345678", b20="2020010220301231")
            ),
            "805C000104": "000004D2" + OK,
        }
    )
    assert facts(card) == ("suzhou", "3205000012345678", "2020-01-02", "2030-12-31", 1234)


def test_macau_counts_in_tenths() -> None:
    info = at(45, b20="2021010120410101", b35="6001234567")
    name = "澳门通钱包".encode("gbk")
    card = shown(
        {
            select_file("1001"): fci(name, info),
            "805C000204": "000000C8" + OK,
            "00B201C417": "00080000000000001E0900000001173520210820175444" + OK,
        }
    )
    assert facts(card) == ("macau", "6001234567", "2021-01-01", "2041-01-01", 1000)
    assert (card["currency"], card["log"][0]["amount_fen"]) == ("MOP", 300)


def test_chongqing_keeps_number_and_issue_date_under_the_master_file() -> None:
    card = shown(
        CARD_BALANCE
        | {
            select_name(CITY_AID): fci(CITY_AID, at(32, b0="00014000", b8="20991231")),
            "00A40000023F00": OK,
            "00B0850030": at(48, b12="4000000001234567", b20="20140512") + OK,
        }
    )
    assert facts(card) == ("chongqing", "4000000001234567", "2014-05-12", "2099-12-31", 3000)
    assert card["city"] == {"code": "4000", "name": "重庆"}


def test_a_date_that_is_none_is_shown_raw() -> None:
    card = shown({select_name(CITY_AID): fci(CITY_AID, at(30, b12="01", b20="12201405", b24="FFFFFFFF"))})
    assert (card["start"], card["expiry"]) == ("12201405", None)


def test_changsha_shows_how_it_was_issued() -> None:
    issue = "07314100000100004100000012345678010120150102" + "00" * 6 + "0001"
    issue += "20150102203501020000"
    card = shown(
        CARD_BALANCE
        | {
            select_name(CITY_AID): fci(
                CITY_AID, "07314100" + at(26, b8="4100000012345678", b16="2015010220350102")
            ),
            "00B0910020": at(32, b0="01", b1="000000B4", b12="01F4") + OK,
            select_file("3F00"): OK,
            "00B0850028": issue + OK,
        }
    )
    assert facts(card) == ("changsha", "4100000012345678", "2015-01-02", "2035-01-02", 3000)
    assert (card["issue"]["serial"], card["issue"]["expiry"]) == ("4100000012345678", "2035-01-02")
    assert (card["control"]["validity_minutes"], card["control"]["load_limit_yuan"]) == (180, 500)


def test_a_campus_card_has_a_holder_and_his_own_number() -> None:
    name = "张三".encode("gbk").hex()
    card = shown(
        {
            select_name(CITY_AID): fci(CITY_AID, "62640022000000010301" + at(20, b10="2013010120151231")),
            "00B0960026": at(38, b0=name, b28=b"2017000001".hex()) + OK,
            select_file("3F00"): OK,
            "00B0950021": at(33, b6="00055001", b12="190225", b15="220731") + OK,
            "805C000104": "00000064" + OK,
        }
    )
    assert facts(card) == ("tsinghua", "2017000001", None, "2019-02-25", 100)
    assert card["holder"]["name"] == "张三"
    assert card["campus"]["internal_number"] == "00055001"


def test_beijing_is_found_by_file_and_by_what_stands_in_it() -> None:
    answers = CARD_BALANCE | {select_file("1001"): fci(b"PBOC")}
    issue = {"00B0840020": at(32, b0="1000751500000001", b24="2018041020240410") + OK}
    card = shown(answers | issue)
    assert facts(card) == ("beijing", "1000751500000001", "2018-04-10", "2024-04-10", 3000)
    assert facts(shown(answers)) == ("unlisted", None, None, None, 3000)


def test_files_of_the_application_are_read_in_it_and_those_of_the_master_file_there() -> None:
    application, master_file = select_file("1001"), select_file("3F00")
    holder = "0100" + "张三".encode("gbk").hex().ljust(104, "0") + "00"
    answers = (
        CARD_BALANCE
        | NO_RECORD
        | {
            application: fci(b"PBOC"),
            master_file: OK,
            "00B0840020": at(32, b0="1000751500000001", b24="2018041020240410") + OK,
            "00B0960037": holder + OK,
        }
    )
    places = {"00B084": master_file, "00B096": application, "805C": application, "00B2": application}
    card = describe_card(MemoryTransport(Selective(answers, places)))
    assert facts(card) == ("beijing", "1000751500000001", "2018-04-10", "2024-04-10", 3000)
    assert card["holder"]["name"] == "张三"
    assert card["log"] == []


def test_a_toll_card_shows_its_twenty_digits_and_vehicle() -> None:
    plate = "京A12345".encode("gbk").hex()
    info = "B1B1BEA9B1B1BEA91640110122012300000000012020010220301231"
    info += plate.ljust(24, "0") + "000101"
    card = shown(CARD_BALANCE | {select_file("1001"): fci(b"PAY.ETC.NM"), "00B095002B": info + OK,
                                 "00B095001E": info[:60] + OK})  # fmt: skip
    assert facts(card) == ("etc", "11012201230000000001", "2020-01-02", "2030-12-31", 3000)
    assert card["toll"]["plate"] == "京A12345"


@pytest.mark.parametrize("file_id", ["1001", "DF01", "3F01"])
def test_any_application_with_a_purse_is_read_from_the_common_places(file_id: str) -> None:
    card = shown(CARD_BALANCE | {select_file(file_id): fci(b"XX.CITY", INFO)})
    assert facts(card) == ("unlisted", "00003620000012345678", "2020-01-02", "2030-12-31", 3000)


@pytest.mark.parametrize("refusal", ["6A82", "6A81", "6D00", "6E00", "6700", "6985", "6F00"])
def test_a_card_without_a_purse_is_not_supported(refusal: str) -> None:
    ppse = {"00A404000E325041592E5359532E444446303100": fci(b"2PAY.SYS.DDF01")}
    with pytest.raises(CardError, match="no supported purse"):
        shown(ppse | {select_file("1001"): fci(b"OTHER")}, refusal=refusal)


def test_a_name_of_its_own_counts_more_than_the_name_it_was_asked_by() -> None:
    """Some chips answer every SELECT by name with the application they have."""
    answers = CARD_BALANCE | {select_name(T_UNION.names[0]): fci(CITY_AID, INFO)}
    assert shown(answers)["family"] == "city-union"


def test_a_blocked_application_is_read_all_the_same() -> None:
    card = shown(CARD_BALANCE | {select_name(CITY_AID): fci(CITY_AID, INFO)[:-4] + "6283"})
    assert card["blocked"] is True
    assert card["card_number"] == "3620000012345678"


class TestTUnionBalance:
    """GET BALANCE P1 00 to 03, as different chips answer them."""

    def balance(self, **parts: str) -> tuple[Any, Any]:
        answers = {f"805C{part[1:]}0204": value + OK for part, value in parts.items()}
        card = shown({select_name(T_UNION.names[0]): fci(T_UNION.names[0], INFO)} | answers)
        return card["balance_fen"], card["overdraft"]

    def test_only_the_stored_balance(self) -> None:
        assert self.balance(p00="8000164E") == (5710, None)

    def test_the_limit_is_counted_in(self) -> None:
        assert self.balance(p00="000162AF", p01="00000320") == (89999, {"limit_fen": 800, "used_fen": 0})
        assert self.balance(p00="000162AF", p01="00000320", p02="00000000", p03="00015F8F")[0] == 89999

    def test_the_overdraft_is_in_use(self) -> None:
        assert self.balance(p00="00000064", p01="00000320") == (-700, {"limit_fen": 800, "used_fen": 700})

    def test_a_chip_that_does_not_look_at_the_part_or_keeps_the_limit_apart(self) -> None:
        assert self.balance(p00="00000064", p01="00000064", p03="00000064") == (100, None)
        assert self.balance(p00="00000064", p01="00000320", p03="00000064") == (100, None)

    def test_a_chip_without_the_stored_balance(self) -> None:
        assert self.balance(p03="00000064") == (100, None)
        assert self.balance(p01="00000320", p02="00000064", p03="00000000") == (
            -100,
            {"limit_fen": 800, "used_fen": 100},
        )

    def test_no_balance_at_all(self) -> None:
        assert self.balance() == (None, None)


def test_a_deposit_is_shown_where_the_application_has_one() -> None:
    info = INFO[:16] + "03" + INFO[18:]
    log = {"00B201CC17": "0001000000000000640500000000001720210820175444" + OK}
    answers = CARD_BALANCE | {select_name(T_UNION.names[0]): fci(T_UNION.names[0], info), **log}
    card = shown(answers | {"805C000104": "00000064" + OK, "00B202CC17": "6A83"})
    assert (card["deposit_fen"], [entry["kind_name"] for entry in card["deposit_log"]]) == (
        100,
        ["ed_purchase"],
    )
    closed = shown(answers | {"805C000104": "6982"})
    assert "6982" in closed["deposit_fen"]["error"]
    assert (
        shown(CARD_BALANCE | {select_name(T_UNION.names[0]): fci(T_UNION.names[0], INFO)})["deposit_fen"]
        is None
    )


def test_compound_records_are_shown_by_identifier_or_raw() -> None:
    own = "AA03001234"
    card = shown(CARD_BALANCE | {
        select_name(T_UNION.names[0]): fci(T_UNION.names[0], INFO),
        "00B201D400": own + OK, "00B202D400": "2702FF" + OK, "00B203D400": "00" * 40 + OK, "00B204D400": "6A83",
    })  # fmt: skip
    first, second = card["compound"]
    assert (first["sfi"], first["record_id"], first["lock"], first["body"]) == (0x1A, 0xAA, 0, "1234")
    assert second["raw"] == "2702FF"


@pytest.mark.parametrize("kind", [0x00, 0x08, 0x7F, 0xFF])
def test_unknown_codes_have_no_name_and_are_no_error(kind: int) -> None:
    record = f"0001000000000000{kind:02X}{kind:02X}30004000057020170830122317"
    card = shown(
        CARD_BALANCE
        | {
            select_name(T_UNION.names[0]): fci(T_UNION.names[0], "01019999" + INFO[8:]),
            "00B097000B": f"0000015699989999{kind:02X}{kind:02X}{kind:02X}" + OK,
            "00B201C417": record + OK,
        }
    )
    assert card["city"] == {"code": "9999", "name": None}
    assert card["card_kind"] == {"code": kind, "name": None}
    assert (card["log"][0]["kind"], card["log"][0]["kind_name"]) == (kind, None)


def test_a_refused_read_is_told_and_a_missing_file_is_not() -> None:
    answers = {select_name(CITY_AID): fci(CITY_AID, INFO)}
    assert shown(answers)["balance_fen"] is None
    assert "6982" in shown(answers | {"805C000204": "6982"})["balance_fen"]["error"]
    assert "2 bytes" in shown(answers | {"805C000204": "00009000"})["balance_fen"]["error"]


def test_every_family_has_its_own_code() -> None:
    codes = [family.code for family in FAMILIES]
    assert len(set(codes)) == len(codes)


def test_the_first_refusal_is_the_one_told() -> None:
    card = ReplayCard({"00B0960037": "6982"})
    with pytest.raises(ApduError, match="6982"):
        CardReader(MemoryTransport(card)).binary(0x16, 55)
    assert card.asked == ["00B0960037", "00B0960000"]
