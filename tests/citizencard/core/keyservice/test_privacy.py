from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from citizencard.core.keyservice.access import KeyAccess
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keystore import KeyStore
from citizencard.core.keyservice.lifecycle import AllActive
from citizencard.core.keyservice.privacy import PrivacyKeys
from citizencard.core.keyservice.roles import SIGNS, Role
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.keyservice.vault_software import SoftwareVault
from tests.citizencard.core.keyservice.papers import DOCUMENT, PAPERS, RIDE_CODE

PLACE = "accounts_citizen|name|1"


def refusal_of_opening(client: KeyServiceClient, place: str, sealed: bytes) -> str:
    with pytest.raises(KeyServiceError) as caught:
        client.open_fields([(place, sealed)])
    return caught.value.refusal


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.text(), max_size=20))
def test_what_is_sealed_opens_in_its_place(key_service: KeyServiceClient, values: list[str]) -> None:
    places = [f"t|c|{row}" for row in range(len(values))]
    sealed = key_service.seal_fields(list(zip(places, values, strict=True)))
    assert key_service.open_fields(list(zip(places, sealed, strict=True))) == values


def test_equal_values_look_different_and_show_nothing(key_service: KeyServiceClient) -> None:
    one, two = key_service.seal_fields([(PLACE, "张明"), (PLACE, "张明")])
    assert one != two
    assert "张明".encode() not in one
    assert one[:6] == bytes.fromhex("0101 00000002"), "envelope 1, AES-256-GCM, newest data key"


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_changed_envelope_does_not_open(key_service: KeyServiceClient, data: st.DataObject) -> None:
    sealed = bytearray(key_service.seal_fields([(PLACE, "110101199003071234")])[0])
    position = data.draw(st.integers(0, len(sealed) - 1))
    sealed[position] ^= data.draw(st.integers(1, 255))
    assert refusal_of_opening(key_service, PLACE, bytes(sealed)) in {"envelope_invalid", "unknown_key"}


@pytest.mark.parametrize("length", [0, 1, 6, 33])
def test_a_cut_envelope_does_not_open(key_service: KeyServiceClient, length: int) -> None:
    sealed = key_service.seal_fields([(PLACE, "")])[0]
    assert refusal_of_opening(key_service, PLACE, sealed[:length]) == "envelope_invalid"


def test_swapped_fields_do_not_open(key_service: KeyServiceClient) -> None:
    """1,000 fields moved to the next row, column or table: 1,000 failures."""
    places = [f"t{row % 3}|c{row % 5}|{row}" for row in range(1000)]
    sealed = key_service.seal_fields([(place, "x") for place in places])
    for place, moved in zip(places, sealed[1:] + sealed[:1], strict=True):
        assert refusal_of_opening(key_service, place, moved) == "envelope_invalid"


def test_older_data_keys_still_open(key_service: KeyServiceClient, demo_keys: KeyStore) -> None:
    first_keys = {name: master for name, master in demo_keys.keys.items() if name[1] == 1}
    before_rotation = PrivacyKeys(KeyAccess(SoftwareVault(first_keys), AllActive(first_keys)))
    old = before_rotation.seal([(PLACE.encode(), "张明".encode())])[0]
    assert old[2:6] == bytes.fromhex("00000001")
    assert key_service.open_fields([(PLACE, old)]) == ["张明"]


def test_many_long_fields_pass_in_pieces(key_service: KeyServiceClient) -> None:
    values = [f"{row}" + "长" * 30_000 for row in range(100)]
    sealed = key_service.seal_fields([(f"t|c|{row}", value) for row, value in enumerate(values)])
    assert key_service.open_fields([(f"t|c|{row}", s) for row, s in enumerate(sealed)]) == values


def test_a_field_beyond_a_frame_is_refused_and_the_next_call_works(key_service: KeyServiceClient) -> None:
    with pytest.raises(KeyServiceError) as caught:
        key_service.seal_fields([(PLACE, "x" * 5_000_000)])
    assert caught.value.refusal == "too_large"
    assert len(key_service.seal_fields([(PLACE, "x")])) == 1


def test_blind_index_finds_equals_within_a_column_only(key_service: KeyServiceClient) -> None:
    one, two, three = key_service.blind_index("accounts_citizen.document", ["A1", "A1", "A2"])
    assert one == two != three
    assert len(one) == 32
    assert key_service.blind_index("accounts_citizen.phone", ["A1"]) != [one]
    assert key_service.blind_index("accounts_citizen.document", []) == []


def test_blind_index_of_many_values(key_service: KeyServiceClient) -> None:
    values = [f"{number:018}" for number in range(30_000)]
    indexes = key_service.blind_index("t.c", values)
    assert len(set(indexes)) == 30_000
    assert indexes[29_999:] == key_service.blind_index("t.c", values[29_999:])


def test_blind_index_is_stable_and_versioned(key_service: KeyServiceClient) -> None:
    with pytest.raises(KeyServiceError) as caught:
        key_service.blind_index("t.c", ["x"], key_version=2)
    assert caught.value.refusal == "unknown_key"


def signer(client: KeyServiceClient, purpose: SignPurpose) -> KeyServiceClient:
    """A client of the role that signs this."""
    role = next(role for role, purposes in SIGNS.items() if purpose in purposes)
    return KeyServiceClient(client._channel._path, role=role)


@pytest.mark.parametrize("purpose", SignPurpose)
def test_signatures_verify_with_the_public_key_of_their_purpose(
    key_service: KeyServiceClient, purpose: SignPurpose
) -> None:
    data, own = PAPERS[purpose], key_service.public_key(purpose)
    signature = signer(key_service, purpose).sign(purpose, data)
    assert signature == signer(key_service, purpose).sign(purpose, data, version=1)
    Ed25519PublicKey.from_public_bytes(own).verify(signature, data)
    documents = {SignPurpose.DOCUMENT, SignPurpose.KEY_CHANGE}
    for other in set(SignPurpose) - (documents if purpose in documents else {purpose}):
        stranger = Ed25519PublicKey.from_public_bytes(key_service.public_key(other))
        with pytest.raises(InvalidSignature):
            stranger.verify(signature, data)


@pytest.mark.parametrize("purpose", SignPurpose)
@pytest.mark.parametrize("sample", [*dict.fromkeys(PAPERS.values()), DOCUMENT + b"[]", RIDE_CODE + b"0"])
def test_nothing_is_signed_that_could_stand_for_something_else(
    key_service: KeyServiceClient, purpose: SignPurpose, sample: bytes
) -> None:
    if sample == PAPERS[purpose]:
        return
    with pytest.raises(KeyServiceError) as caught:
        signer(key_service, purpose).sign(purpose, sample)
    assert caught.value.refusal == "bad_request"


def test_the_web_signs_documents_but_names_no_key(key_service: KeyServiceClient) -> None:
    web = KeyServiceClient(key_service._channel._path, role=Role.WEB)
    assert web.sign(SignPurpose.DOCUMENT, PAPERS[SignPurpose.DOCUMENT])
    for purpose in (SignPurpose.KEY_CHANGE, SignPurpose.SETTLEMENT_FILE):
        with pytest.raises(KeyServiceError) as caught:
            web.sign(purpose, PAPERS[purpose])
        assert caught.value.refusal == "not_permitted"


@pytest.mark.parametrize("version", [2, 0, 255])
def test_a_seed_that_is_not_held_signs_nothing(key_service: KeyServiceClient, version: int) -> None:
    with pytest.raises(KeyServiceError) as caught:
        signer(key_service, SignPurpose.RIDE_CODE).sign(SignPurpose.RIDE_CODE, RIDE_CODE, version=version)
    assert caught.value.refusal == "unknown_key"
