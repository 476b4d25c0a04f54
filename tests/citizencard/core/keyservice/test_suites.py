"""Both suites of personal data behind the same tests: AES-256-GCM with HMAC-SHA-256, and SM4-GCM with HMAC-SM3."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.keyblock import UnwrappedKey, unwrap, wrap
from citizencard.core.keyservice.keystore import KEY_BYTES, Algorithm, Master, Usage
from citizencard.core.keyservice.lifecycle import AllActive
from citizencard.core.keyservice.privacy import PrivacyKeys, Suite
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.vault_software import SoftwareVault

PLACE = b"accounts_citizen|name|1"
DEK, INDEX = Usage.PII_DEK, Usage.PII_INDEX
SUITES = {
    Suite.AES_256_GCM: (Algorithm.AES, Algorithm.HMAC),
    Suite.SM4_GCM: (Algorithm.SM4, Algorithm.HMAC_SM3),
}
both = pytest.mark.parametrize("suite", SUITES)


def keys(*suites: Suite) -> PrivacyKeys:
    """Versions 1, 2 … of these suites; the last one seals."""
    masters = {
        (usage, version): Master(algorithm, bytes([version]) * KEY_BYTES[algorithm])
        for version, suite in enumerate(suites, start=1)
        for usage, algorithm in zip((DEK, INDEX), SUITES[suite], strict=True)
    }
    return PrivacyKeys(KeyAccess(SoftwareVault(masters), AllActive(masters)))


def refused(keys: PrivacyKeys, place: bytes, sealed: bytes) -> Code:
    with pytest.raises(Refusal) as refusal:
        keys.open([(place, sealed)])
    return refusal.value.code


@both
@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.binary(max_size=200), max_size=5))
def test_what_is_sealed_opens_in_its_place_and_nowhere_else(suite: Suite, values: list[bytes]) -> None:
    house = keys(suite)
    pairs = [(b"t|c|%d" % row, value) for row, value in enumerate(values)]
    sealed = house.seal(pairs)
    assert house.open([(place, each) for (place, _), each in zip(pairs, sealed, strict=True)]) == values
    for each in sealed:
        assert (each[0], each[1], each[2:6]) == (1, suite, bytes([0, 0, 0, 1]))
        assert refused(house, b"t|c|other", each) is Code.ENVELOPE_INVALID


@both
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_changed_envelope_does_not_open(suite: Suite, data: st.DataObject) -> None:
    house = keys(suite, suite)
    sealed = bytearray(house.seal([(PLACE, b"110101199003071234")])[0])
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    assert refused(house, PLACE, bytes(sealed)) in (Code.ENVELOPE_INVALID, Code.UNKNOWN_KEY)


@pytest.mark.parametrize("suites", [tuple(SUITES), tuple(reversed(SUITES))])
def test_suites_live_side_by_side_either_way(suites: tuple[Suite, Suite]) -> None:
    old, house = keys(suites[0]), keys(*suites)
    before, after = old.seal([(PLACE, b"x")])[0], house.seal([(PLACE, b"x")])[0]
    assert (before[1], after[1]) == suites
    assert house.open([(PLACE, before), (PLACE, after)]) == [b"x", b"x"]
    named_otherwise = bytes([after[0], suites[0]]) + after[2:]
    assert refused(house, PLACE, named_otherwise) is Code.ENVELOPE_INVALID


@both
def test_a_blind_index_is_keyed_by_column_and_equal_for_equal_values(suite: Suite) -> None:
    house = keys(suite)
    one, same, other = house.blind_index("t.document", [b"a", b"a", b"b"], 1)
    assert one == same != other
    assert len(one) == 32
    assert one != house.blind_index("t.phone", [b"a"], 1)[0]


def test_the_national_suite_gives_known_answers() -> None:
    """RFC 8998, appendix A.1; HMAC-SM3 against another implementation, where OpenSSL has one."""
    name = (DEK, 1)
    vault = SoftwareVault({name: Master(Algorithm.SM4, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))})
    plain = bytes.fromhex("".join(letter * 16 for letter in "ABCDEFEA"))
    nonce = bytes.fromhex("00001234567800000000ABCD")
    associated = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    sealed = vault.seal(*name, nonce, plain, associated)
    assert sealed.hex().upper() == (
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
        "83DE3541E4C2B58177E065A9BF7B62EC"
    )
    assert vault.open(*name, nonce, sealed, associated) == plain
    if "sm3" in hashlib.algorithms_available:
        key = bytes(range(32))
        index = SoftwareVault({(INDEX, 1): Master(Algorithm.HMAC_SM3, key)})
        assert index.mac(INDEX, 1, b"x") == hmac.new(key, b"x", "sm3").digest()


@both
def test_keys_of_both_suites_travel_in_blocks(suite: Suite) -> None:
    for usage, algorithm in zip((DEK, INDEX), SUITES[suite], strict=True):
        key = UnwrappedKey(
            (usage, 3), Master(algorithm, bytes(range(KEY_BYTES[algorithm]))), exportable=False
        )
        assert unwrap(bytes(32), wrap(bytes(32), key), (usage, 3)) == key
