"""Names of the commands, as the standards call them. Where an instruction byte is shared, CLA and P1 tell them apart."""

from __future__ import annotations

from typing import Final

SECURE: Final = 0x04
"""Bit of CLA that announces secure messaging; it changes no name."""

_SHARED: Final = {
    (0x80, 0x50, 0x00): "INITIALIZE FOR LOAD",
    (0x80, 0x50, 0x01): "INITIALIZE FOR PURCHASE",
    (0x80, 0x50, 0x02): "INITIALIZE FOR CASH WITHDRAW",
    (0x80, 0x50, 0x03): "INITIALIZE FOR CAPP PURCHASE",
    (0x80, 0x50, 0x04): "INITIALIZE FOR UPDATE",
    (0x80, 0x50, 0x05): "INITIALIZE FOR UNLOAD",
    (0x80, 0x54, 0x03): "DEBIT FOR UNLOAD",
    (0x80, 0x5E, 0x00): "RELOAD PIN",
    (0x80, 0xCA, 0x00): "GET MESSAGE",
}

_BY_CLASS: Final = {
    (0x00, 0xDC): "UPDATE RECORD",
    (0x80, 0xDC): "UPDATE CAPP DATA CACHE",
    (0xE0, 0x40): "INIT SAM GREY LOCK",
    (0xE0, 0x42): "CERTIFICATE SAM GREY LOCK",
    (0xE0, 0x44): "DEBIT SAM FOR GREY UNLOCK",
    (0xE0, 0x46): "GET GMAC",
}

_BY_INSTRUCTION: Final = {
    0x16: "CARD BLOCK",
    0x18: "APPLICATION UNBLOCK",
    0x1A: "DELIVERY KEY",
    0x1E: "APPLICATION BLOCK",
    0x20: "VERIFY",
    0x24: "PIN UNBLOCK",
    0x44: "ACTIVATE FILE",
    0x46: "GENERATE ASYMMETRIC KEY PAIR",
    0x50: "INITIALIZE",
    0x52: "CREDIT FOR LOAD",
    0x54: "DEBIT FOR PURCHASE",
    0x58: "UPDATE OVERDRAW LIMIT",
    0x5A: "GET TRANSACTION PROVE",
    0x5C: "GET BALANCE",
    0x5E: "CHANGE PIN",
    0x70: "INIT SAM FOR PURCHASE",
    0x72: "CREDIT SAM FOR PURCHASE",
    0x82: "EXTERNAL AUTHENTICATE",
    0x84: "GET CHALLENGE",
    0x88: "INTERNAL AUTHENTICATE",
    0xA4: "SELECT",
    0xB0: "READ BINARY",
    0xB2: "READ RECORD",
    0xC0: "GET RESPONSE",
    0xCA: "GET DATA",
    0xD4: "WRITE KEY",
    0xD6: "UPDATE BINARY",
    0xE2: "APPEND RECORD",
    0xFA: "CIPHER DATA",
}


def command_name(cla: int, ins: int, p1: int) -> str:
    """The command's name; `command` for an instruction nobody here sends."""
    plain = cla & ~SECURE
    return (
        _SHARED.get((plain, ins, p1)) or _BY_CLASS.get((plain, ins)) or _BY_INSTRUCTION.get(ins) or "command"
    )
