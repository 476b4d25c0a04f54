"""Every builder: the bytes the standards print, and what was built is what is parsed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from inspect import isfunction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminals.card import commands, commands_maintenance, commands_sam, grey_lock, messages
from terminals.card.apdu import Command
from terminals.card.commands import BalancePart, InitMode, RecordMode
from terminals.card.commands_sam import CipherMode
from terminals.card.errors import FormatError
from terminals.card.layout import Layout
from terminals.card.messages import (
    DebitData,
    HostData,
    InitData,
    LimitData,
    LoadInit,
    OverdraftInit,
    PurchaseInit,
    PurchaseProof,
    SamDebit,
    SamInitData,
    UpdateInitData,
)

TERMINAL = bytes.fromhex("001122334455")
MAC = bytes.fromhex("A1A2A3A4")
SERIAL = bytes.fromhex("5170070104791381")
ISSUER = bytes.fromhex("B1B1BEA9B1B1BEA9")
WHEN = datetime.fromisoformat("2011-12-21T21:48:22")
RAND = bytes.fromhex("84176AD7")
SAM_INIT = SamInitData(RAND, 54, 200, 9, WHEN, 1, 0)

PRINTED = [
    (commands.select_file(0x3F00), "00A40000023F0000", "SELECT"),
    (
        commands.select_name(bytes.fromhex("A000000632010105")),
        "00A4040008A00000063201010500",
        "SELECT",
    ),
    (commands.read_binary(0x15, 30), "00B095001E", "READ BINARY"),
    (commands.read_record(0x18, 1, 23), "00B201C417", "READ RECORD"),
    (commands.read_record(0x1E, 1, 48), "00B201F430", "READ RECORD"),
    (commands.read_record_by_identifier(0x19, 0xAA), "00B2AAC800", "READ RECORD"),
    (commands.update_binary(0x16, b"\x01\x02", 3), "00D69603020102", "UPDATE BINARY"),
    (commands.update_record(0x07, 1, b"\x01"), "00DC013C0101", "UPDATE RECORD"),
    (commands.append_record(0x1A, b"\x01"), "00E200D00101", "APPEND RECORD"),
    (commands.verify_pin(bytes.fromhex("123456"), 0), "0020000003123456", "VERIFY"),
    (
        commands.change_pin(bytes.fromhex("123456"), bytes.fromhex("654321"), 0),
        "805E010007123456FF654321",
        "CHANGE PIN",
    ),
    (commands.get_challenge(4), "0084000004", "GET CHALLENGE"),
    (commands.internal_authenticate(2, 1, bytes(8)), "0088020108000000000000000008", "INTERNAL AUTHENTICATE"),
    (commands.external_authenticate(1, bytes(8)), "00820001080000000000000000", "EXTERNAL AUTHENTICATE"),
    (commands.get_message(), "80CA000009", "GET MESSAGE"),
    (commands.get_balance(), "805C000204", "GET BALANCE"),
    (commands.get_balance(BalancePart.FUNDS), "805C030204", "GET BALANCE"),
    (commands.get_balance(purse=commands.DEPOSIT), "805C000104", "GET BALANCE"),
    (
        commands.initialize(InitMode.LOAD, 1, 0x1000, TERMINAL, 16),
        "805000020B010000100000112233445510",
        "INITIALIZE FOR LOAD",
    ),
    (
        commands.initialize(InitMode.PURCHASE, 1, 0x1000, TERMINAL, 15),
        "805001020B01000010000011223344550F",
        "INITIALIZE FOR PURCHASE",
    ),
    (
        commands.initialize(InitMode.CASH_WITHDRAW, 1, 0x1000, TERMINAL, 15, commands.DEPOSIT),
        "805002010B01000010000011223344550F",
        "INITIALIZE FOR CASH WITHDRAW",
    ),
    (
        commands.initialize(InitMode.CAPP_PURCHASE, 1, 0, TERMINAL, 15),
        "805003020B01000000000011223344550F",
        "INITIALIZE FOR CAPP PURCHASE",
    ),
    (
        commands.initialize(InitMode.UNLOAD, 1, 0x1000, TERMINAL, 16, commands.DEPOSIT),
        "805005010B010000100000112233445510",
        "INITIALIZE FOR UNLOAD",
    ),
    (commands.initialize_for_update(1, TERMINAL), "80500401070100112233445513", "INITIALIZE FOR UPDATE"),
    (
        commands.credit_for_load(WHEN, bytes.fromhex("3A845BF0")),
        "805200000B201112212148223A845BF004",
        "CREDIT FOR LOAD",
    ),
    (
        commands.debit_for_purchase(0x57, WHEN, MAC),
        "805401000F0000005720111221214822A1A2A3A408",
        "DEBIT FOR PURCHASE",
    ),
    (
        commands.debit_for_unload(WHEN, MAC),
        "805403000B20111221214822A1A2A3A404",
        "DEBIT FOR UNLOAD",
    ),
    (
        commands.update_overdraft_limit(800, WHEN, MAC),
        "805800000E00032020111221214822A1A2A3A404",
        "UPDATE OVERDRAW LIMIT",
    ),
    (commands.get_transaction_prove(9, 0x37), "805A000902003708", "GET TRANSACTION PROVE"),
    # Heads of UPDATE CAPP DATA CACHE seen in the field: a metro, a motorway, a city card, a bus operator.
    (commands.update_capp_cache(0x07, bytes(16), 1), "80DC013B10" + "00" * 16, "UPDATE CAPP DATA CACHE"),
    (
        commands.update_capp_cache(0x10, bytes(16), 2, RecordMode.BY_NUMBER),
        "80DC028410" + "00" * 16,
        "UPDATE CAPP DATA CACHE",
    ),
    (
        commands.update_capp_cache(0x19, b"\xaa\x29" + bytes(41), 0xAA, RecordMode.BY_IDENTIFIER),
        "80DCAAC82BAA29" + "00" * 41,
        "UPDATE CAPP DATA CACHE",
    ),
    (
        commands.update_capp_cache(0x17, b"\x09\x2e" + bytes(46), 9, RecordMode.BY_IDENTIFIER),
        "80DC09B830092E" + "00" * 46,
        "UPDATE CAPP DATA CACHE",
    ),
    (
        commands.update_capp_cache(0x1A, bytes(120), 1, RecordMode.BY_IDENTIFIER),
        "80DC01D078" + "00" * 120,
        "UPDATE CAPP DATA CACHE",
    ),
    # Maintenance: header and clear data, as they go to the holder of the key.
    (commands_maintenance.card_block(), "84160000", "CARD BLOCK"),
    (commands_maintenance.application_unblock(), "84180000", "APPLICATION UNBLOCK"),
    (commands_maintenance.application_block(), "841E0000", "APPLICATION BLOCK"),
    (commands_maintenance.application_block(permanent=True), "841E0001", "APPLICATION BLOCK"),
    (commands_maintenance.pin_unblock(b"\x12\x34\x56", 0), "8424000003123456", "PIN UNBLOCK"),
    (commands_maintenance.reload_pin(b"\x12\x34\x56", 0), "805E000003123456", "RELOAD PIN"),
    (commands_maintenance.external_authenticate(1), "00820001", "EXTERNAL AUTHENTICATE"),
    (commands_maintenance.read_binary(0x16, 55, 1), "04B0960137", "READ BINARY"),
    (commands_maintenance.update_binary(0x17, b"\x01", 2), "04D697020101", "UPDATE BINARY"),
    (commands_maintenance.update_record(0x1A, 1, b"\x01"), "04DC01D40101", "UPDATE RECORD"),
    (commands_maintenance.append_record(0x1A, b"\x01"), "04E200D00101", "APPEND RECORD"),
    # SAM.
    (
        commands_sam.init_sam_for_purchase(SAM_INIT, [SERIAL]),
        "807000001C84176AD70036000000C809201112212148220100517007010479138108",
        "INIT SAM FOR PURCHASE",
    ),
    (commands_sam.credit_sam_for_purchase(MAC), "8072000004A1A2A3A4", "CREDIT SAM FOR PURCHASE"),
    (
        commands_sam.delivery_key(commands_sam.TAC_USAGE, 0, [SERIAL, ISSUER]),
        "801A4400105170070104791381B1B1BEA9B1B1BEA9",
        "DELIVERY KEY",
    ),
    (
        commands_sam.cipher_data(CipherMode.MAC_ONLY, bytes(32), 4),
        "80FA050020" + "00" * 32 + "04",
        "CIPHER DATA",
    ),
    (commands_sam.check_message(bytes(9)), "80CA000009" + "00" * 9, "GET MESSAGE"),
    (commands_sam.application_unblock(), "80180000", "APPLICATION UNBLOCK"),
    (
        grey_lock.init_sam_grey_lock(SAM_INIT, [SERIAL]),
        "E04000001C84176AD70036000000C80920111221214822010051700701047913810C",
        "INIT SAM GREY LOCK",
    ),
    (grey_lock.credit_sam_grey_lock(MAC), "E042000004A1A2A3A4", "CERTIFICATE SAM GREY LOCK"),
    (
        grey_lock.debit_sam_for_grey_unlock(grey_lock.GreyUnlockData(6, SERIAL, 54, 200)),
        "E04400000F0651700701047913810036000000C808",
        "DEBIT SAM FOR GREY UNLOCK",
    ),
    (grey_lock.get_gmac(0x57), "E0460000040000005708", "GET GMAC"),
]


@pytest.mark.parametrize(
    ("command", "apdu", "name"), PRINTED, ids=[f"{row[2]}-{row[1][:10]}" for row in PRINTED]
)
def test_commands_are_built_as_printed(command: Command, apdu: str, name: str) -> None:
    assert command.to_bytes().hex().upper() == apdu
    assert command.name == name
    assert Command.parse(command.to_bytes()) == command


byte = st.integers(0, 255)
sfi = st.integers(1, 30)
amount = st.integers(0, (1 << 31) - 1)
length = st.integers(0, 255)
content = st.binary(min_size=1, max_size=255)
moments = st.datetimes(datetime.fromisoformat("1000-01-01"), datetime.fromisoformat("2999-12-31")).map(
    lambda t: t.replace(microsecond=0)
)
uint32 = st.integers(0, (1 << 32) - 1)
uint24 = st.integers(0, (1 << 24) - 1)
uint16 = st.integers(0, (1 << 16) - 1)


def octets(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


factors = st.lists(octets(8), min_size=1, max_size=3)
sam_inits = st.builds(SamInitData, octets(4), uint16, uint32, byte, moments, byte, byte)
BUILDS: dict[Callable[..., Command], tuple[st.SearchStrategy[object], ...]] = {
    commands.select_file: (uint16,),
    commands.select_name: (st.binary(min_size=5, max_size=16),),
    commands.read_binary: (sfi, length, byte),
    commands.read_record: (sfi, byte, length),
    commands.read_record_by_identifier: (sfi, byte, length),
    commands.update_binary: (sfi, content, byte),
    commands.update_record: (sfi, byte, content),
    commands.append_record: (sfi, content),
    commands.verify_pin: (st.binary(min_size=2, max_size=6), byte),
    commands.change_pin: (octets(3), octets(3), byte),
    commands.get_challenge: (st.sampled_from([4, 8]),),
    commands.internal_authenticate: (byte, byte, octets(8)),
    commands.external_authenticate: (byte, octets(8)),
    commands.get_message: (),
    commands.get_balance: (st.sampled_from(BalancePart), st.sampled_from([1, 2])),
    commands.initialize: (
        st.sampled_from(InitMode),
        byte,
        amount,
        octets(6),
        length,
        st.sampled_from([1, 2]),
    ),
    commands.initialize_for_update: (byte, octets(6)),
    commands.credit_for_load: (moments, octets(4)),
    commands.debit_for_purchase: (uint32, moments, octets(4)),
    commands.debit_for_unload: (moments, octets(4)),
    commands.update_overdraft_limit: (uint24, moments, octets(4)),
    commands.update_capp_cache: (sfi, content, byte, st.sampled_from(RecordMode)),
    commands.get_transaction_prove: (byte, uint16),
    commands_maintenance.card_block: (),
    commands_maintenance.application_unblock: (),
    commands_maintenance.application_block: (),
    commands_maintenance.pin_unblock: (octets(3), byte),
    commands_maintenance.reload_pin: (octets(3), byte),
    commands_maintenance.external_authenticate: (byte,),
    commands_maintenance.read_binary: (sfi, length, byte),
    commands_maintenance.update_binary: (sfi, content, byte),
    commands_maintenance.update_record: (sfi, byte, content),
    commands_maintenance.append_record: (sfi, content),
    commands_sam.init_sam_for_purchase: (sam_inits, factors),
    commands_sam.credit_sam_for_purchase: (octets(4),),
    commands_sam.delivery_key: (st.integers(0, 31), byte, factors),
    commands_sam.cipher_data: (st.sampled_from(CipherMode), octets(16), st.sampled_from([4, 8, 16])),
    commands_sam.check_message: (octets(9),),
    commands_sam.application_unblock: (),
    grey_lock.init_sam_grey_lock: (sam_inits, factors),
    grey_lock.credit_sam_grey_lock: (octets(4),),
    grey_lock.debit_sam_for_grey_unlock: (
        st.builds(grey_lock.GreyUnlockData, byte, octets(8), uint16, uint32),
    ),
    grey_lock.get_gmac: (uint32,),
}


def test_every_builder_is_tried() -> None:
    builders = {
        member
        for module in (commands, commands_maintenance, commands_sam, grey_lock)
        for member in vars(module).values()
        if isfunction(member) and member.__annotations__.get("return") == "Command"
    }
    assert builders == set(BUILDS)


@pytest.mark.parametrize(
    "build", BUILDS, ids=lambda build: f"{build.__module__.split('.')[-1]}.{build.__name__}"
)
def test_what_is_built_is_parsed(build: Callable[..., Command]) -> None:
    @given(st.tuples(*BUILDS[build]))
    def round_trip(arguments: tuple[object, ...]) -> None:
        command = build(*arguments)
        assert Command.parse(command.to_bytes()) == command
        assert command.name != "command"

    round_trip()


LAYOUTS: dict[type[Layout], tuple[st.SearchStrategy[object], ...]] = {
    InitData: (byte, uint32, octets(6)),
    UpdateInitData: (byte, octets(6)),
    HostData: (moments, octets(4)),
    LimitData: (uint24, moments, octets(4)),
    DebitData: (uint32, moments, octets(4)),
    LoadInit: (uint32, uint16, byte, byte, octets(4), octets(4)),
    PurchaseInit: (uint32, uint16, uint24, byte, byte, octets(4)),
    OverdraftInit: (uint32, uint16, uint24, byte, byte, octets(4), octets(4)),
    PurchaseProof: (octets(4), octets(4)),
    SamInitData: (octets(4), uint16, uint32, byte, moments, byte, byte),
    SamDebit: (uint32, octets(4)),
    grey_lock.GreyLockInit: (uint32, octets(4), octets(4)),
    grey_lock.GreyUnlockData: (byte, octets(8), uint16, uint32),
    grey_lock.GreyUnlockProof: (octets(4), octets(4)),
}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_data_fields_and_answers_survive_the_line(layout: type[Layout]) -> None:
    @given(st.tuples(*LAYOUTS[layout]))
    def round_trip(values: tuple[object, ...]) -> None:
        built = layout(*values)
        raw = built.to_bytes()
        assert len(raw) == layout.length()
        assert layout.parse(raw) == built

    @given(st.binary(max_size=40))
    def any_bytes(raw: bytes) -> None:
        try:
            parsed = layout.parse(raw)
        except FormatError:
            return
        assert parsed.to_bytes() == raw

    round_trip()
    any_bytes()


def test_every_layout_is_tried() -> None:
    named = {
        member
        for member in vars(messages).values()
        if isinstance(member, type) and issubclass(member, Layout)
    }
    assert named - {Layout} <= set(LAYOUTS)


@pytest.mark.parametrize(
    "build",
    [
        lambda: commands.initialize(0, 1, -1, TERMINAL, 16),
        lambda: commands.initialize(0, 1, 1 << 31, TERMINAL, 16),
        lambda: commands.initialize(0, 1, 1, bytes(5), 16),
        lambda: commands.credit_for_load(WHEN, bytes(3)),
        lambda: commands.update_overdraft_limit(1 << 24, WHEN, MAC),
        lambda: commands.read_record(0x40, 1, 23),
        lambda: commands.read_binary(0x15, 257),
        lambda: commands.update_binary(0x15, bytes(256)),
        lambda: commands_sam.init_sam_for_purchase(SAM_INIT, []),
        lambda: commands_sam.init_sam_for_purchase(SAM_INIT, [SERIAL] * 4),
        lambda: commands_sam.delivery_key(0x20, 1, [SERIAL]),
        lambda: commands_sam.delivery_key(4, 1, [bytes(7)]),
        lambda: commands_sam.cipher_data(CipherMode.ENCRYPT, bytes(9), 9),
        lambda: commands_sam.cipher_data(CipherMode.ENCRYPT, b"", 0),
    ],
)
def test_values_that_do_not_fit_are_never_built(build: Callable[[], Command]) -> None:
    with pytest.raises(FormatError):
        build()
