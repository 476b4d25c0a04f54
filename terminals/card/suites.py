"""Cipher suites of the card: 3DES, and SM4 as far as it is published.

Which suite a key belongs to is the issuer's decision, written down per key version. The algorithm byte that a card
echoes in its answers only has to agree with it (`SuiteRegistry`): a card that could choose the suite could choose the
weaker one.

SM4: the block cipher is GB/T 32907; diversification, padding and encrypted maintenance follow the outline of the
PBOC SM extension, secure messaging is taken to be CBC-MAC on 16-byte blocks, and the check value is a CMAC. Session
keys, MAC1 to MAC3 and TAC of the purse under SM4 are not published and raise SuiteIncomplete until the standard's text
is at hand; SM4 cards can therefore be personalised and maintained, but neither loaded nor paid with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from terminals.card import crypto
from terminals.card.errors import FormatError, SuiteIncomplete, SuiteUnknown

KEY_BYTES: Final = 16
MAC_BYTES: Final = 4


class Suite(ABC):
    """What a card does with a 16-byte key. Both suites diversify alike: a key is a factor and its complement in ECB."""

    name: ClassVar[str]
    block: ClassVar[int]
    """Bytes of one cipher block."""

    @abstractmethod
    def encrypt_ecb(self, key16: bytes, data: bytes) -> bytes:
        """Whole blocks in electronic codebook mode."""

    @abstractmethod
    def decrypt_ecb(self, key16: bytes, data: bytes) -> bytes:
        """Inverse of `encrypt_ecb`."""

    @abstractmethod
    def mac(self, key16: bytes, data: bytes, challenge: bytes = b"") -> bytes:
        """MAC4 of a maintenance command; the challenge (4 or 8 bytes, zeros behind) is the initial value."""

    @abstractmethod
    def kcv(self, key16: bytes) -> bytes:
        """Key check value, 3 bytes."""

    @abstractmethod
    def session_key(self, key16: bytes, block8: bytes) -> bytes:
        """Session key of a purse transaction from the card's random number and the counters."""

    @abstractmethod
    def session_mac(self, session_key: bytes, data: bytes) -> bytes:
        """MAC1, MAC2 or MAC3 of a purse transaction, 4 bytes."""

    @abstractmethod
    def folded_mac(self, key16: bytes, data: bytes) -> bytes:
        """MAC4 under the two halves of a key folded into one: TAC and RELOAD PIN."""

    def diversify(self, master16: bytes, *factors8: bytes) -> bytes:
        """Derive through the levels, issuer or city first and card serial last; each result is the next master."""
        for factor in factors8:
            master16 = self.encrypt_ecb(master16, factor + bytes(byte ^ 0xFF for byte in factor))
        return master16

    def length_prefixed(self, data: bytes) -> bytes:
        """len1 | data, padded with 80 00… to whole blocks unless it fills them already."""
        clear = bytes([len(data)]) + data
        return crypto.pad80(clear, self.block) if len(clear) % self.block else clear

    def without_length(self, clear: bytes) -> bytes:
        """Inverse of `length_prefixed`; FormatError when length or padding is wrong."""
        data = clear[1 : 1 + clear[0]] if clear else b""
        if not clear or self.length_prefixed(data) != clear:
            raise FormatError("decrypted data is not length-prefixed and padded")
        return data


class TripleDes(Suite):
    """Two-key 3DES with the MACs of JR/T 0025.2, see `crypto`."""

    name = "3DES"
    block = crypto.BLOCK

    def encrypt_ecb(self, key16: bytes, data: bytes) -> bytes:
        return crypto.encrypt_ecb(key16, data)

    def decrypt_ecb(self, key16: bytes, data: bytes) -> bytes:
        return crypto.decrypt_ecb(key16, data)

    def mac(self, key16: bytes, data: bytes, challenge: bytes = b"") -> bytes:
        return crypto.retail_mac(key16, data, challenge.ljust(self.block, b"\x00"))

    def kcv(self, key16: bytes) -> bytes:
        return crypto.kcv(key16)

    def session_key(self, key16: bytes, block8: bytes) -> bytes:
        return crypto.encrypt_ecb(key16, block8)

    def session_mac(self, session_key: bytes, data: bytes) -> bytes:
        return crypto.des_mac(session_key, data)

    def folded_mac(self, key16: bytes, data: bytes) -> bytes:
        return crypto.des_mac(crypto.tac_key(key16), data)


class Sm4(Suite):
    """SM4 (GB/T 32907), without the purse's calculations; see the module's text."""

    name = "SM4"
    block = 16

    def encrypt_ecb(self, key16: bytes, data: bytes) -> bytes:
        encryptor = Cipher(algorithms.SM4(key16), modes.ECB()).encryptor()  # noqa: S305 -- the card standard's mode
        return encryptor.update(data) + encryptor.finalize()

    def decrypt_ecb(self, key16: bytes, data: bytes) -> bytes:
        decryptor = Cipher(algorithms.SM4(key16), modes.ECB()).decryptor()  # noqa: S305 -- as above
        return decryptor.update(data) + decryptor.finalize()

    def mac(self, key16: bytes, data: bytes, challenge: bytes = b"") -> bytes:
        start = challenge.ljust(self.block, b"\x00")
        encryptor = Cipher(algorithms.SM4(key16), modes.CBC(start)).encryptor()
        return encryptor.update(crypto.pad80(data, self.block))[-self.block :][:MAC_BYTES]

    def kcv(self, key16: bytes) -> bytes:
        mac = CMAC(algorithms.SM4(key16))
        mac.update(bytes(self.block))
        return mac.finalize()[:3]

    def session_key(self, key16: bytes, block8: bytes) -> bytes:
        raise SuiteIncomplete("session keys of the purse under SM4 are not published")

    def session_mac(self, session_key: bytes, data: bytes) -> bytes:
        raise SuiteIncomplete("transaction MACs of the purse under SM4 are not published")

    def folded_mac(self, key16: bytes, data: bytes) -> bytes:
        raise SuiteIncomplete("TAC and RELOAD PIN under SM4 are not published")


TRIPLE_DES: Final = TripleDes()
SM4: Final = Sm4()

ALGORITHMS: Final[Mapping[int, Suite]] = {0x00: TRIPLE_DES, 0x01: TRIPLE_DES, 0x04: SM4}
"""Suites by algorithm byte. 00 is what cards in the field echo, 01 what one card system's manual says for 3DES keys.
No public source names SM4's: 04 is this project's choice, to be replaced by the issuer's."""


@dataclass(frozen=True, slots=True)
class SuiteRegistry:
    """The issuer's configuration: the suite of each key version, and what the algorithm bytes stand for."""

    versions: Mapping[int, Suite]
    algorithms: Mapping[int, Suite] = field(default_factory=lambda: ALGORITHMS)

    def suite_for(self, key_version: int, algorithm: int) -> Suite:
        """The suite of a key version; SuiteUnknown when there is none or the echoed algorithm byte says another."""
        configured = self.versions.get(key_version)
        if configured is None:
            raise SuiteUnknown(f"no cipher suite is configured for key version {key_version}")
        if self.algorithms.get(algorithm) is not configured:
            raise SuiteUnknown(
                f"algorithm {algorithm:02X} does not agree with {configured.name} of key version {key_version}"
            )
        return configured


DEFAULT_REGISTRY: Final = SuiteRegistry(dict.fromkeys(range(256), TRIPLE_DES))
"""Every key version is 3DES, as on all cards now in the field."""


def suite_for(key_version: int, algorithm: int) -> Suite:
    """As `SuiteRegistry.suite_for` where the issuer has configured nothing else."""
    return DEFAULT_REGISTRY.suite_for(key_version, algorithm)
