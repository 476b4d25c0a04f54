"""How master keys lie in a token: label, type and what each may be used for. None can be read or wrapped.

Every key is bound to the mechanisms of its algorithm, so that a chip master cannot be turned to anything else.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import PyKCS11 as P11  # noqa: N814 -- it is PKCS#11's constants by their names

from citizencard.core.keyservice.keystore import CHECKED, Algorithm, KeyName, Usage, algorithms_of
from citizencard.core.keyservice.pkcs11_token import TokenError, TokenLogin
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.vault import KeyInfo, diversification_block

Template = list[tuple[int, Any]]

ECB: Final = P11.Mechanism(P11.CKM_DES3_ECB)
HMAC: Final = P11.Mechanism(P11.CKM_SHA256_HMAC)
CMAC: Final = P11.Mechanism(P11.CKM_AES_CMAC)
_LABEL: Final = re.compile(r"citizencard ([A-Z_]+) (\d{1,3})")


@dataclass(frozen=True)
class _Kind:
    """How keys of one algorithm lie in a token."""

    key_type: int
    uses: tuple[int, ...]
    mechanisms: tuple[int, ...]

    def attributes(self, uses: tuple[int, ...]) -> Template:
        """Secret for good and bound to these uses and to the algorithm's mechanisms."""
        return [
            (P11.CKA_CLASS, P11.CKO_SECRET_KEY),
            (P11.CKA_KEY_TYPE, self.key_type),
            (P11.CKA_PRIVATE, True),
            (P11.CKA_SENSITIVE, True),
            (P11.CKA_EXTRACTABLE, False),
            (P11.CKA_ALLOWED_MECHANISMS, struct.pack(f"@{len(self.mechanisms)}L", *self.mechanisms)),
            *((use, use in uses) for use in _USES),
        ]


_USES: Final = (
    P11.CKA_ENCRYPT,
    P11.CKA_DECRYPT,
    P11.CKA_SIGN,
    P11.CKA_VERIFY,
    P11.CKA_DERIVE,
    P11.CKA_WRAP,
    P11.CKA_UNWRAP,
)
_BY_HMAC: Final = _Kind(P11.CKK_GENERIC_SECRET, (P11.CKA_SIGN,), (P11.CKM_SHA256_HMAC,))
_KINDS: Final = {
    Algorithm.DES3: _Kind(
        P11.CKK_DES2,
        (P11.CKA_ENCRYPT, P11.CKA_DERIVE),
        (P11.CKM_DES3_ECB, P11.CKM_DES3_ECB_ENCRYPT_DATA),
    ),
    # CKA_SIGN for the check value, which is a CMAC.
    Algorithm.AES: _Kind(
        P11.CKK_AES,
        (P11.CKA_ENCRYPT, P11.CKA_DECRYPT, P11.CKA_SIGN),
        (P11.CKM_AES_GCM, P11.CKM_AES_CMAC),
    ),
    Algorithm.HMAC: _BY_HMAC,
    Algorithm.SEED: _BY_HMAC,
}
ALGORITHMS: Final = frozenset(_KINDS)
"""What a token can hold; not SM4, for which PKCS#11 names no mechanism."""


def _label_of(usage: Usage, version: int) -> str:
    """CKA_LABEL of a master."""
    return f"citizencard {usage} {version}"


def _name_in(label: str) -> KeyName | None:
    """The master's name in its label, or None when the object is somebody else's."""
    match = _LABEL.fullmatch(label)
    return (Usage(match[1]), int(match[2])) if match and match[1] in set(Usage) else None


def master_template(usage: Usage, version: int, algorithm: Algorithm) -> Template:
    """Attributes of a master that stays in the token."""
    kind = _KINDS[algorithm]
    return [(P11.CKA_TOKEN, True), (P11.CKA_LABEL, _label_of(usage, version)), *kind.attributes(kind.uses)]


def gcm(nonce12: bytes, associated: bytes) -> Any:
    """AES-GCM with a tag of 16 bytes."""
    return P11.AES_GCM_Mechanism(nonce12, associated, 128)


def check_value(session: Any, key: Any, algorithm: Algorithm) -> str:
    """`keystore.Master.kcv` of a key in the token."""
    if algorithm is Algorithm.DES3:
        whole = session.encrypt(key, bytes(8), ECB)
    elif algorithm is Algorithm.AES:
        whole = session.sign(key, bytes(16), CMAC)
    else:
        whole = session.sign(key, CHECKED, HMAC)
    return bytes(whole[:3]).hex().upper()


class TokenKeys:
    """The masters one login found, and what it derived from them."""

    def __init__(self, login: TokenLogin) -> None:
        """`TokenError`, and the login ended, when a master in the token is not as secret as it must be."""
        self.login = login
        self._derived: dict[tuple[KeyName, bytes], Any] = {}
        try:
            with login.first_session() as session:
                self._found = dict(_masters_in(session))
        except TokenError:
            login.close()
            raise

    def inventory(self) -> list[KeyInfo]:
        """Every master, by usage and version."""
        return sorted(info for info, _ in self._found.values())

    def holds(self, name: KeyName) -> bool:
        """Whether this master is there."""
        return name in self._found

    def find(self, name: KeyName, *algorithms: Algorithm) -> Any:
        """The master's handle; `Refusal` unknown_key, or bad_request when it is of none of these algorithms."""
        if name not in self._found:
            raise Refusal(Code.UNKNOWN_KEY, f"no {name[0]} key of version {name[1]}")
        info, handle = self._found[name]
        if info.algorithm not in algorithms:
            raise Refusal(Code.BAD_REQUEST, f"a {info.algorithm} key does not do this")
        return handle

    def one_level_down(self, name: KeyName, factor8: bytes) -> Any:
        """Handle of the chip key diversified by this factor, derived inside the token at its first use.

        A token may set odd parity in it: other bytes, but the same 3DES.
        """
        if (name, factor8) not in self._derived:
            master = self.find(name, Algorithm.DES3)
            block = diversification_block(factor8)
            mechanism = P11.KEY_DERIVATION_STRING_DATA_MechanismBase(block, P11.CKM_DES3_ECB_ENCRYPT_DATA)
            with self.login.first_session() as session:
                self._derived[name, factor8] = session.deriveKey(master, _DERIVED, mechanism)
        return self._derived[name, factor8]


_DERIVED: Final[Template] = [
    (P11.CKA_TOKEN, False),
    *_KINDS[Algorithm.DES3].attributes((P11.CKA_ENCRYPT,)),
]


def _masters_in(session: Any) -> Iterator[tuple[KeyName, tuple[KeyInfo, Any]]]:
    for handle in session.findObjects([(P11.CKA_CLASS, P11.CKO_SECRET_KEY), (P11.CKA_TOKEN, True)]):
        label, key_type, sensitive, extractable = session.getAttributeValue(
            handle, [P11.CKA_LABEL, P11.CKA_KEY_TYPE, P11.CKA_SENSITIVE, P11.CKA_EXTRACTABLE]
        )
        name = _name_in(label)
        if name is None:
            continue
        if extractable or not sensitive:
            raise TokenError(f"{label} could be read out of the token")
        algorithm = next(
            (a for a in algorithms_of(name[0]) if a in _KINDS and _KINDS[a].key_type == key_type), None
        )
        if algorithm is None:
            raise TokenError(f"{label} is a key of another type")
        yield name, (KeyInfo(*name, algorithm, check_value(session, handle, algorithm)), handle)
