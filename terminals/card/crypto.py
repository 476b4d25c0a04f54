"""Keys, session keys, MACs and TACs of the PBOC electronic purse (JR/T 0025.2) with 3DES.

All functions take and return bytes. Integers are big-endian, amounts fen, dates and times packed BCD (YYYYMMDD HHMMSS).
Double-length keys are 16 bytes; `cryptography` is dropping two-key 3DES, so they are expanded to K1|K2|K1 here.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

BLOCK: Final = 8
ZERO_IV: Final = bytes(BLOCK)
CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")


class TransactionType(IntEnum):
    """Transaction type byte (type1) of log records, MACs and TACs."""

    ED_LOAD = 0x01
    LOAD = 0x02
    UNLOAD = 0x03
    ED_WITHDRAW = 0x04
    ED_PURCHASE = 0x05
    PURCHASE = 0x06
    OVERDRAFT_UPDATE = 0x07
    CAPP_PURCHASE = 0x09


def bcd_time(when: datetime) -> bytes:
    """date4 | time3: the seven packed-BCD bytes YYYYMMDD HHMMSS in Asia/Shanghai; a naive time is taken as local."""
    local = when.astimezone(CHINA) if when.tzinfo else when
    return bytes.fromhex(f"{local.year:04}{local:%m%d%H%M%S}")


def xor(left: bytes, right: bytes) -> bytes:
    """Bytewise exclusive or of two strings of equal length."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def pad80(data: bytes, block: int = BLOCK) -> bytes:
    """ISO 9797-1 padding method 2: `80 00…` to whole blocks; an aligned input grows by a whole block."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def _triple_des(key: bytes) -> TripleDES:
    if len(key) == 8:
        return TripleDES(key * 3)
    if len(key) == 16:
        return TripleDES(key + key[:8])
    raise ValueError(f"key must be 8 or 16 bytes, not {len(key)}")


def encrypt_ecb(key: bytes, data: bytes) -> bytes:
    """DES (8-byte key) or 3DES-EDE2 (16-byte key) in ECB over whole blocks."""
    encryptor = Cipher(_triple_des(key), modes.ECB()).encryptor()  # noqa: S305 -- the card standard's mode
    return encryptor.update(data) + encryptor.finalize()


def decrypt_ecb(key: bytes, data: bytes) -> bytes:
    """Inverse of `encrypt_ecb`."""
    decryptor = Cipher(_triple_des(key), modes.ECB()).decryptor()  # noqa: S305 -- as above
    return decryptor.update(data) + decryptor.finalize()


def des_mac(key8: bytes, data: bytes, iv: bytes = ZERO_IV) -> bytes:
    """4-byte MAC, ISO 9797-1 algorithm 1 with padding method 2: single-DES CBC. Transaction MACs and TACs."""
    encryptor = Cipher(_triple_des(key8), modes.CBC(iv)).encryptor()
    return encryptor.update(pad80(data))[-BLOCK:][:4]


def retail_mac(key16: bytes, data: bytes, iv: bytes = ZERO_IV, length: int = 4) -> bytes:
    """Retail MAC (ISO 9797-1 algorithm 3, padding method 2), left `length` bytes. Secure messaging."""
    encryptor = Cipher(_triple_des(key16[:8]), modes.CBC(iv)).encryptor()
    last = encryptor.update(pad80(data))[-BLOCK:]
    return encrypt_ecb(key16[:8], decrypt_ecb(key16[8:], last))[:length]


def diversify(master16: bytes, factor8: bytes) -> bytes:
    """One level of key diversification: 3DES(master, factor) | 3DES(master, NOT factor), 16 bytes, no parity.

    The factor is the rightmost 8 bytes of the application serial (last level) or an 8-byte issuer or city factor.
    """
    return encrypt_ecb(master16, factor8 + bytes(b ^ 0xFF for b in factor8))


def diversify_levels(master16: bytes, *factors8: bytes) -> bytes:
    """Several levels, city or issuer first and card serial last: each result is the next master."""
    for factor in factors8:
        master16 = diversify(master16, factor)
    return master16


def purchase_session_key(dpk16: bytes, rand4: bytes, offline_atc: int, terminal_seq: int) -> bytes:
    """SESPK, 8 bytes: 3DES(DPK, rand4 | offline ATC2 | low two bytes of the terminal sequence)."""
    return encrypt_ecb(dpk16, rand4 + offline_atc.to_bytes(2) + (terminal_seq & 0xFFFF).to_bytes(2))


def load_session_key(dlk16: bytes, rand4: bytes, online_atc: int) -> bytes:
    """SESLK (also SESULK, SESUK), 8 bytes: 3DES(key, rand4 | online ATC2 before increment | 8000)."""
    return encrypt_ecb(dlk16, rand4 + online_atc.to_bytes(2) + b"\x80\x00")


def purchase_mac1(sespk8: bytes, amount_fen: int, kind: int, terminal_no6: bytes, when: datetime) -> bytes:
    """MAC1 made by the SAM for the card: amount4 | type1 | terminal6 | date4 | time3."""
    return des_mac(sespk8, amount_fen.to_bytes(4) + bytes([kind]) + terminal_no6 + bcd_time(when))


def purchase_mac2(sespk8: bytes, amount_fen: int) -> bytes:
    """MAC2 made by the card for the SAM: amount4."""
    return des_mac(sespk8, amount_fen.to_bytes(4))


def load_mac1(seslk8: bytes, balance_fen: int, amount_fen: int, kind: int, terminal_no6: bytes) -> bytes:
    """MAC1 made by the card for the host: balance before4 | amount4 | type1 | terminal6."""
    return des_mac(
        seslk8,
        balance_fen.to_bytes(4) + amount_fen.to_bytes(4) + bytes([kind]) + terminal_no6,
    )


def load_mac2(seslk8: bytes, amount_fen: int, kind: int, terminal_no6: bytes, when: datetime) -> bytes:
    """MAC2 made by the host for the card: amount4 | type1 | terminal6 | date4 | time3."""
    return des_mac(seslk8, amount_fen.to_bytes(4) + bytes([kind]) + terminal_no6 + bcd_time(when))


def tac_key(dtk16: bytes) -> bytes:
    """The 8-byte TAC key: left half XOR right half of the DTK. No session enters, so a TAC stays checkable for years."""
    return xor(dtk16[:8], dtk16[8:])


def purchase_tac_input(
    amount_fen: int, kind: int, terminal_no6: bytes, terminal_seq: int, when: datetime
) -> bytes:
    """The 22 bytes under a purchase TAC: amount4 | type1 | terminal6 | terminal seq4 | date4 | time3."""
    return amount_fen.to_bytes(4) + bytes([kind]) + terminal_no6 + terminal_seq.to_bytes(4) + bcd_time(when)


def purchase_tac(
    dtk16: bytes,
    amount_fen: int,
    kind: int,
    terminal_no6: bytes,
    terminal_seq: int,
    when: datetime,
) -> bytes:
    """Purchase TAC, 4 bytes. It covers neither card number nor ATC: the card's own DTK binds it to the card."""
    return des_mac(
        tac_key(dtk16),
        purchase_tac_input(amount_fen, kind, terminal_no6, terminal_seq, when),
    )


def load_tac(
    dtk16: bytes,
    balance_after_fen: int,
    online_atc: int,
    amount_fen: int,
    kind: int,
    terminal_no6: bytes,
    when: datetime,
) -> bytes:
    """Load TAC: balance after4 | online ATC2 before increment | amount4 | type1 | terminal6 | date4 | time3."""
    return des_mac(
        tac_key(dtk16), _load_tac_input(balance_after_fen, online_atc, amount_fen, kind, terminal_no6, when)
    )


def _load_tac_input(
    balance_after_fen: int, online_atc: int, amount_fen: int, kind: int, terminal_no6: bytes, when: datetime
) -> bytes:
    head = balance_after_fen.to_bytes(4) + online_atc.to_bytes(2) + amount_fen.to_bytes(4)
    return head + bytes([kind]) + terminal_no6 + bcd_time(when)


def unload_mac3(
    sesulk8: bytes,
    balance_after_fen: int,
    online_atc: int,
    amount_fen: int,
    terminal_no6: bytes,
    when: datetime,
) -> bytes:
    """MAC3 made by the card for the host after an unload, laid out as a load TAC but under SESULK, type 03."""
    return des_mac(
        sesulk8,
        _load_tac_input(
            balance_after_fen, online_atc, amount_fen, TransactionType.UNLOAD, terminal_no6, when
        ),
    )


def overdraft_mac1(sesuk8: bytes, balance_fen: int, old_limit_fen: int, terminal_no6: bytes) -> bytes:
    """MAC1 made by the card for the host: balance4 | old limit3 | 07 | terminal6."""
    kind = bytes([TransactionType.OVERDRAFT_UPDATE])
    return des_mac(sesuk8, balance_fen.to_bytes(4) + old_limit_fen.to_bytes(3) + kind + terminal_no6)


def overdraft_mac2(sesuk8: bytes, new_limit_fen: int, terminal_no6: bytes, when: datetime) -> bytes:
    """MAC2 made by the host for the card: new limit3 | 07 | terminal6 | date4 | time3."""
    kind = bytes([TransactionType.OVERDRAFT_UPDATE])
    return des_mac(sesuk8, new_limit_fen.to_bytes(3) + kind + terminal_no6 + bcd_time(when))


def overdraft_tac(
    dtk16: bytes,
    balance_after_fen: int,
    online_atc: int,
    new_limit_fen: int,
    terminal_no6: bytes,
    when: datetime,
) -> bytes:
    """Overdraft TAC: (balance + new - old limit)4 | online ATC2 | new limit3 | 07 | terminal6 | date4 | time3."""
    head = balance_after_fen.to_bytes(4) + online_atc.to_bytes(2) + new_limit_fen.to_bytes(3)
    kind = bytes([TransactionType.OVERDRAFT_UPDATE])
    return des_mac(tac_key(dtk16), head + kind + terminal_no6 + bcd_time(when))


def kcv(key: bytes) -> bytes:
    """Key check value of a (3)DES key: first 3 bytes of the encryption of eight zero bytes."""
    return encrypt_ecb(key, bytes(BLOCK))[:3]


def secure_messaging_mac(key16: bytes, header5: bytes, data: bytes, challenge: bytes) -> bytes:
    """MAC4 of a maintenance command: retail MAC over CLA INS P1 P2 Lc | data, IV = challenge (4 or 8 bytes).

    `Lc` in the header already counts the MAC's four bytes; the CLA low nibble is 4.
    """
    return retail_mac(key16, header5 + data, iv=challenge.ljust(BLOCK, b"\x00"))
