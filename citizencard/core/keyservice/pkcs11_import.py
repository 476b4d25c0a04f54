"""How a master enters a token at the key ceremony: encrypted to the token, which unwraps it inside."""

from __future__ import annotations

from typing import Any, Final

import PyKCS11 as P11  # noqa: N814 -- it is PKCS#11's constants by their names
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA1

from citizencard.core.keyservice.keystore import Master, Usage
from citizencard.core.keyservice.pkcs11_keys import check_value, master_template
from citizencard.core.keyservice.pkcs11_token import TokenError

_RSA_BITS: Final = 2048
_OAEP: Final = OAEP(MGF1(SHA1()), SHA1(), None)  # noqa: S303 -- all that every token knows; OAEP needs no more of it


def unwrapped_in_token(session: Any, usage: Usage, version: int, master: Master) -> None:
    """Make the master an object of the token, wrapped under a key pair the token has made for this one time.

    HSMs in an approved mode take no secret key in any other way. `TokenError` when the check value then differs.
    """
    public, private = session.generateKeyPair(
        [
            (P11.CKA_TOKEN, False),
            (P11.CKA_WRAP, True),
            (P11.CKA_MODULUS_BITS, _RSA_BITS),
            (P11.CKA_PUBLIC_EXPONENT, (1, 0, 1)),
        ],
        [
            (P11.CKA_TOKEN, False),
            (P11.CKA_PRIVATE, True),
            (P11.CKA_SENSITIVE, True),
            (P11.CKA_EXTRACTABLE, False),
            (P11.CKA_UNWRAP, True),
        ],
    )
    wrapped = _public_key(session, public).encrypt(master.key, _OAEP)
    template = master_template(usage, version, master.algorithm)
    key = session.unwrapKey(
        private, wrapped, template, P11.RSAOAEPMechanism(P11.CKM_SHA_1, P11.CKG_MGF1_SHA1)
    )
    if check_value(session, key, master.algorithm) != master.kcv:
        session.destroyObject(key)
        raise TokenError("the token unwrapped another key than it was given")


def _public_key(session: Any, handle: Any) -> RSAPublicKey:
    modulus, exponent = session.getAttributeValue(handle, [P11.CKA_MODULUS, P11.CKA_PUBLIC_EXPONENT])
    return RSAPublicNumbers(int.from_bytes(bytes(exponent)), int.from_bytes(bytes(modulus))).public_key()
