"""Status words of ISO/IEC 7816-4 and of the electronic purse (JR/T 0025.2), with what they mean."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class StatusWord(IntEnum):
    """The two bytes that end every answer; `meaning` is one phrase for people."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Keep the phrase beside the number."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0x9000, "ok"
    DATA_DOUBTFUL = 0x6281, "returned data may be wrong"
    END_OF_FILE = 0x6282, "end of file or record before Le bytes"
    APPLICATION_BLOCKED = 0x6283, "file or application blocked"
    VERIFICATION_FAILED = 0x6300, "verification failed"
    STATE_UNCHANGED = 0x6400, "execution error, state unchanged"
    MEMORY_ERROR = 0x6581, "memory write error, result unknown"
    WRONG_LENGTH = 0x6700, "wrong length"
    CANNOT_PROCESS = 0x6900, "command cannot be processed"
    NOT_IN_THIS_STATE = 0x6901, "command not accepted in this state"
    WRONG_FILE_TYPE = 0x6981, "wrong file type"
    SECURITY_NOT_SATISFIED = 0x6982, "security status not satisfied"
    AUTHENTICATION_BLOCKED = 0x6983, "PIN or key locked"
    CONDITIONS_NOT_SATISFIED = 0x6985, "conditions of use not satisfied"
    MAC_MISSING = 0x6987, "secure messaging object missing"
    MAC_WRONG = 0x6988, "secure messaging object wrong"
    WRONG_DATA = 0x6A80, "wrong data field"
    FUNCTION_NOT_SUPPORTED = 0x6A81, "function not supported or card locked"
    FILE_NOT_FOUND = 0x6A82, "file or application not found"
    RECORD_NOT_FOUND = 0x6A83, "record not found"
    NO_SPACE = 0x6A84, "not enough memory"
    WRONG_P1_P2 = 0x6A86, "wrong P1 P2"
    KEY_NOT_FOUND = 0x6A88, "key not found"
    WRONG_OFFSET = 0x6B00, "offset past the end of the file"
    UNKNOWN_INS = 0x6D00, "instruction not supported"
    UNKNOWN_CLA = 0x6E00, "class not supported"
    UNKNOWN_ERROR = 0x6F00, "no precise diagnosis"
    PURSE_MAC_WRONG = 0x9302, "transaction MAC wrong"
    PERMANENTLY_LOCKED = 0x9303, "application permanently locked"
    INSUFFICIENT_BALANCE = 0x9401, "insufficient balance"
    COUNTER_EXHAUSTED = 0x9402, "transaction counter at its maximum"
    KEY_INDEX_UNSUPPORTED = 0x9403, "key index not supported"
    PROOF_NOT_AVAILABLE = 0x9406, "transaction proof not available"


def describe(sw: int) -> str:
    """One phrase for any status word, the families 61xx, 63Cx and 6Cxx included."""
    if sw & 0xFF00 == 0x6100:
        return f"{sw & 0xFF} bytes waiting"
    if sw & 0xFFF0 == 0x63C0:
        return f"verification failed, {sw & 0x0F} tries left"
    if sw & 0xFF00 == 0x6C00:
        return f"wrong Le, {sw & 0xFF} bytes available"
    return next((word.meaning for word in StatusWord if word == sw), "unknown status word")
