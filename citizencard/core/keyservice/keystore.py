"""What a master key is: usage, algorithm, check value; and the file that demonstration keys are read from."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.hmac import HMAC

from citizencard.core.keyservice.refusal import Code, Refusal
from terminals.card import suites
from terminals.card.suites import Suite


class Usage(StrEnum):
    """One key, one purpose (PCI PIN 18-3): the usage a master is stored under is the only one it serves."""

    TAC = "TAC"
    PURCHASE = "PURCHASE"
    LOAD = "LOAD"
    MAINTENANCE = "MAINTENANCE"
    PIN_UNBLOCK = "PIN_UNBLOCK"
    PIN_RELOAD = "PIN_RELOAD"
    CONTROL = "CONTROL"
    IDENTITY = "IDENTITY"
    OVERDRAFT = "OVERDRAFT"
    UNLOAD = "UNLOAD"
    TRANSPORT = "TRANSPORT"
    PII_DEK = "PII_DEK"
    PII_INDEX = "PII_INDEX"
    PROOF = "PROOF"
    SIGN = "SIGN"
    KEK = "KEK"
    """Shared with another party, for key blocks on their way; held by the custody of keys, never by a vault."""


CHIP_USAGES: Final = frozenset(Usage) - {
    Usage.PII_DEK,
    Usage.PII_INDEX,
    Usage.PROOF,
    Usage.SIGN,
    Usage.KEK,
}
"""Double-length 3DES masters (16 bytes), diversified per chip; the others are 32 bytes."""


KeyName = tuple[Usage, int]
"""A master key's name: usage and version (1 to 255)."""


class Algorithm(StrEnum):
    """What a master key computes with. HMAC and SEED keys are both used by HMAC-SHA256 only; a SEED makes key pairs.

    SM4 and HMAC_SM3 are the national suite's: for personal data, a key's algorithm is the suite of what it seals.
    """

    DES3 = "DES3"
    SM4 = "SM4"
    AES = "AES"
    HMAC = "HMAC"
    HMAC_SM3 = "HMAC_SM3"
    SEED = "SEED"


SUITES: Final[Mapping[Algorithm, Suite]] = {
    Algorithm.DES3: suites.TRIPLE_DES,
    Algorithm.SM4: suites.SM4,
}
"""What chips compute with keys of these algorithms."""
KEY_BYTES: Final = {
    Algorithm.DES3: 16,
    Algorithm.SM4: 16,
    Algorithm.AES: 32,
    Algorithm.HMAC: 32,
    Algorithm.HMAC_SM3: 32,
    Algorithm.SEED: 32,
}


def algorithms_of(usage: Usage) -> tuple[Algorithm, ...]:
    """The algorithms a key of this usage may have, the customary one first."""
    if usage in CHIP_USAGES:
        return (Algorithm.DES3, Algorithm.SM4)
    others = {
        Usage.PII_DEK: (Algorithm.AES, Algorithm.SM4),
        Usage.PII_INDEX: (Algorithm.HMAC, Algorithm.HMAC_SM3),
        Usage.PROOF: (Algorithm.HMAC,),
        Usage.SIGN: (Algorithm.SEED,),
        Usage.KEK: (Algorithm.AES,),
    }
    return others[usage]


@dataclass(frozen=True)
class Master:
    """A master key in clear: only ever inside the key service. The bytes stay out of `repr`."""

    algorithm: Algorithm
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES[self.algorithm]:
            raise ValueError(f"a {self.algorithm} master has {KEY_BYTES[self.algorithm]} bytes")

    @property
    def kcv(self) -> str:
        """Key check value, 6 hex digits, by the method of the key's algorithm.

        3DES: encryption of zeros; AES and SM4: CMAC over 16 zero bytes (PCI PIN 15-1); HMAC and SEED: HMAC-SHA256
        of `CHECKED`, HMAC_SM3: HMAC-SM3 of the same.
        """
        if self.algorithm in SUITES:
            value = SUITES[self.algorithm].kcv(self.key)
        elif self.algorithm is Algorithm.AES:
            mac = CMAC(AES(self.key))
            mac.update(bytes(16))
            value = mac.finalize()
        elif self.algorithm is Algorithm.HMAC_SM3:
            value = hmac_sm3(self.key, CHECKED)
        else:
            value = hmac.digest(self.key, CHECKED, hashlib.sha256)
        return value[:3].hex().upper()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """HMAC with SM3 (GB/T 32905), 32 bytes."""
    code = HMAC(key, SM3())
    code.update(data)
    return code.finalize()


CHECKED: Final = b"key check value"
"""What the check value of an HMAC or SEED key is the HMAC of."""


class KeyFileError(Exception):
    """The key file cannot be used; the message names the entry, never its value."""


@dataclass(frozen=True)
class KeyStore:
    """All masters of one city. Key bytes stay out of `repr`, so that no traceback or log can show them."""

    masters: Mapping[KeyName, bytes] = field(repr=False)
    issuer_factor8: bytes
    demo: bool

    def master(self, usage: Usage, version: int) -> bytes:
        """The key bytes; `Refusal` unknown_key when this version was never loaded."""
        try:
            return self.masters[usage, version]
        except KeyError:
            raise Refusal(Code.UNKNOWN_KEY, f"no {usage} key of version {version}") from None

    @property
    def keys(self) -> dict[KeyName, Master]:
        """All masters with the customary algorithm of their usage."""
        return {name: Master(algorithms_of(name[0])[0], key) for name, key in self.masters.items()}


def load_demo_keys(path: Path, *, environment: str) -> KeyStore:
    """Read clear demonstration keys; `KeyFileError` in production, without the demo mark, or on a wrong entry."""
    if environment == "production":
        raise KeyFileError("demonstration keys are refused when CITIZENCARD_ENV is production")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("demo") is not True:
            raise KeyFileError(f'{path} is not marked "demo": true; real keys never lie in a clear file')
        masters = dict(_entry(item) for item in content["keys"])
        if len(masters) != len(content["keys"]):
            raise KeyFileError(f"{path} holds the same usage and version twice")
        factor = bytes.fromhex(content["issuer_factor"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyFileError(f"{path} cannot be read as a key file ({type(error).__name__})") from None
    if len(factor) != 8:
        raise KeyFileError("the issuer factor must be 8 bytes")
    return KeyStore(masters, factor, demo=True)


def _entry(item: Mapping[str, Any]) -> tuple[KeyName, bytes]:
    usage, version, key = Usage(item["usage"]), int(item["version"]), bytes.fromhex(item["value"])
    try:
        master = Master(algorithms_of(usage)[0], key)
    except ValueError:
        master = None
    if master is None or not 1 <= version <= 255:
        raise KeyFileError(f"{usage} version {version}: wrong length or version")
    if not hmac.compare_digest(master.kcv, str(item["kcv"]).upper()):
        raise KeyFileError(f"{usage} version {version}: key check value does not match")
    return (usage, version), key
