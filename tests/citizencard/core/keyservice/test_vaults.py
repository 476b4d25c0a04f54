"""One contract for every back end: what software and a PKCS#11 token answer must be the same, down to the refusals."""

from __future__ import annotations

import hmac
import random
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from citizencard.core.keyservice.backend import Backend
from citizencard.core.keyservice.keystore import CHECKED, Algorithm, KeyStore, Master, Usage
from citizencard.core.keyservice.lifecycle import AllActive
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.keyservice.vault import Vault, diversification_block
from citizencard.core.keyservice.vault_software import SoftwareVault
from terminals.card import crypto
from terminals.card.identity import CardCertificate, point_of
from terminals.card.keys import CARD_SLOTS, SAM_SLOTS, KeySlot
from tests.citizencard.core.keyservice.cards import TERMINAL, WHEN, CardSide
from tests.citizencard.core.keyservice.papers import PAPERS
from tests.citizencard.core.keyservice.tokens import MISSING, MODULE, PIN, softhsm

SERIAL = bytes.fromhex("5170070104791381")
KNOWN = {
    (Usage.LOAD, 9): Master(Algorithm.DES3, bytes.fromhex("11223344556677888877665544332211")),
    (Usage.TAC, 9): Master(Algorithm.DES3, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")),
    (Usage.PII_DEK, 9): Master(Algorithm.AES, bytes.fromhex("feffe9928665731c6d6a8f9467308308") * 2),
    (Usage.PII_INDEX, 9): Master(Algorithm.HMAC, bytes(range(32))),
    (Usage.SIGN, 9): Master(Algorithm.SEED, bytes(range(32, 64))),
}
"""Keys of published examples, beside the demonstration keys."""


@pytest.fixture(scope="module")
def software(demo_keys: KeyStore) -> SoftwareVault:
    return SoftwareVault(demo_keys.keys | KNOWN)


@pytest.fixture(scope="module")
def token(demo_keys: KeyStore) -> Iterator[Vault]:
    if not MODULE.exists():
        pytest.skip(MISSING)
    from citizencard.core.keyservice.vault_pkcs11 import Pkcs11Vault

    with tempfile.TemporaryDirectory(prefix="cc-token-") as folder, softhsm(Path(folder), "city"):
        vault = Pkcs11Vault(MODULE, "city", PIN)
        for (usage, version), master in (demo_keys.keys | KNOWN).items():
            vault.import_master(usage, version, master)
        yield vault
        vault.close()


@pytest.fixture(scope="module", params=["software", "token"])
def vault(request: pytest.FixtureRequest) -> Vault:
    held: Vault = request.getfixturevalue(request.param)
    return held


@pytest.fixture(scope="module")
def backend(vault: Vault, demo_keys: KeyStore) -> Backend:
    return opened(vault, demo_keys)


def opened(vault: Vault, demo_keys: KeyStore) -> Backend:
    """Nine is the version of published examples, which nothing new is made with."""
    held = [(key.usage, key.version) for key in vault.inventory() if key.version != 9]
    return Backend(vault, demo_keys.issuer_factor8, AllActive(held))


def refusal_of(caught: pytest.ExceptionInfo[Refusal]) -> Code:
    return caught.value.code


# Known answers


def test_inventory_names_every_key_with_its_check_value(vault: Vault, demo_keys: KeyStore) -> None:
    expected = {(*name, key.algorithm, key.kcv) for name, key in (demo_keys.keys | KNOWN).items()}
    assert {(key.usage, key.version, key.algorithm, key.kcv) for key in vault.inventory()} == expected


def test_check_values_of_well_known_keys(vault: Vault) -> None:
    by_name = {(key.usage, key.version): key.kcv for key in vault.inventory()}
    assert by_name[Usage.TAC, 9] == "08D7B4"
    assert by_name[Usage.PII_INDEX, 9] == hmac.digest(bytes(range(32)), CHECKED, "sha256")[:3].hex().upper()


def test_diversification(vault: Vault) -> None:
    # Computed twice, with openssl and with another library; no published pair exists.
    key = vault.encipher(Usage.LOAD, 9, diversification_block(SERIAL))
    assert key == bytes.fromhex("85B3F8D3A5E6E6A4BEBC4306CAAB53B4")


def test_issuer_level(vault: Vault, demo_keys: KeyStore) -> None:
    factor8 = demo_keys.issuer_factor8
    one_step = vault.encipher(Usage.LOAD, 9, diversification_block(SERIAL), factor8=factor8)
    issuer_key = vault.encipher(Usage.LOAD, 9, diversification_block(factor8))
    assert one_step == crypto.diversify(issuer_key, SERIAL)


def test_gcm_of_the_standard(vault: Vault) -> None:
    """Test case 16 of McGrew and Viega's specification of GCM."""
    nonce = bytes.fromhex("cafebabefacedbaddecaf888")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = bytes.fromhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )
    assert vault.seal(Usage.PII_DEK, 9, nonce, plain, associated) == sealed
    assert vault.open(Usage.PII_DEK, 9, nonce, sealed, associated) == plain


def test_mac_is_hmac_sha256(vault: Vault) -> None:
    for usage, key in ((Usage.PII_INDEX, bytes(range(32))), (Usage.SIGN, bytes(range(32, 64)))):
        assert vault.mac(usage, 9, b"data") == hmac.digest(key, b"data", "sha256")


def test_known_purchase_tac(backend: Backend) -> None:
    # Worked out step by step with the openssl command line from the demonstration TAC master, version 1.
    record = SERIAL + b"\x01" + bytes.fromhex("00001000 06 001122334455 00000001 20120229 135100")
    right, wrong = bytes.fromhex("D9C0E5F0"), bytes.fromhex("D9C0E5F1")
    assert backend.purse.verify_purchase_tacs(record + right + record + wrong) == b"\x01\x00"


# Every operation of an open service


def test_a_load_from_announcement_to_confirmation(backend: Backend, card_side: CardSide) -> None:
    key = card_side.load_session_key(2, SERIAL, b"\x11\x22\x33\x44", 41)
    mac2 = backend.purse.authorise_load(
        serial8=SERIAL,
        key_version=2,
        rand4=b"\x11\x22\x33\x44",
        online_atc=41,
        balance_fen=500,
        amount_fen=5000,
        terminal_no6=TERMINAL,
        mac1=crypto.load_mac1(key, 500, 5000, 2, TERMINAL),
        when=WHEN,
    )
    assert mac2 == crypto.load_mac2(key, 5000, 2, TERMINAL, WHEN)
    dtk = card_side.key(Usage.TAC, 2, SERIAL)
    assert backend.purse.verify_load_tac(
        serial8=SERIAL,
        key_version=2,
        balance_after_fen=5500,
        online_atc=41,
        amount_fen=5000,
        terminal_no6=TERMINAL,
        when=WHEN,
        tac=crypto.load_tac(dtk, 5500, 41, 5000, 2, TERMINAL, WHEN),
    )


def test_purchase_tacs(backend: Backend, card_side: CardSide) -> None:
    rng = random.Random(7)
    cards = [(rng.randbytes(8), rng.randrange(1, 3)) for _ in range(200)]
    good = [card_side.purchase_record(serial, 200, 7, version=version) for serial, version in cards]
    forged = [card_side.purchase_record(serial, 200, 7, tac=rng.randbytes(4)) for serial, _ in cards]
    assert backend.purse.verify_purchase_tacs(b"".join(good + forged)) == b"\x01" * 200 + b"\x00" * 200


@pytest.mark.parametrize("slot", CARD_SLOTS)
def test_keys_for_a_card(backend: Backend, software: Vault, demo_keys: KeyStore, slot: KeySlot) -> None:
    request = {
        "chip_serial8": b"CHIP0001",
        "transport_version": 1,
        "slot": slot,
        "version": 2,
        "card_serial8": SERIAL,
        "challenge": bytes(8),
    }
    assert backend.issuing.write_key(**request) == opened(software, demo_keys).issuing.write_key(**request)


def test_keys_for_a_sam(backend: Backend, demo_keys: KeyStore) -> None:
    apdu = backend.issuing.write_key(
        chip_serial8=b"PSAM0001",
        transport_version=1,
        slot=KeySlot.PURCHASE,
        version=1,
        card_serial8=None,
        challenge=bytes(8),
    )
    transport = crypto.diversify(demo_keys.master(Usage.TRANSPORT, 1), b"PSAM0001")
    record = crypto.decrypt_ecb(transport, apdu[5:-4])
    assert crypto.diversify(demo_keys.master(Usage.PURCHASE, 1), demo_keys.issuer_factor8) in record


def test_maintenance(backend: Backend, card_side: CardSide) -> None:
    header, challenge = bytes.fromhex("841E0000"), bytes(range(8))
    apdu = backend.maintenance.command(
        serial8=SERIAL, version=1, header=header, data=b"", challenge=challenge, encrypt=False
    )
    key = card_side.key(Usage.MAINTENANCE, 1, SERIAL)
    assert apdu[5:] == crypto.secure_messaging_mac(key, header + b"\x04", b"", challenge)


@pytest.mark.parametrize("plaintext", [b"", b"x", "张明".encode(), bytes(100_000)])
def test_sealed_fields_open_in_both(
    backend: Backend, software: Vault, token: Vault, demo_keys: KeyStore, plaintext: bytes
) -> None:
    sealed = backend.privacy.seal([(b"t|c|1", plaintext)])[0]
    assert len(sealed) == 6 + 12 + len(plaintext) + 16
    assert sealed[:6] == bytes.fromhex("0101 00000002")
    for other in (software, token):
        assert opened(other, demo_keys).privacy.open([(b"t|c|1", sealed)]) == [plaintext]


def test_nonces_differ(backend: Backend) -> None:
    sealed = backend.privacy.seal([(b"t|c|1", b"x")] * 1000)
    assert len({envelope[6:18] for envelope in sealed}) == 1000


def test_blind_indexes_and_signatures_are_one_city(
    backend: Backend, software: Vault, demo_keys: KeyStore
) -> None:
    reference = opened(software, demo_keys)
    values = [b"A1", "京A·12345".encode(), b"A1"]
    assert backend.privacy.blind_index("t.c", values, 1) == reference.privacy.blind_index("t.c", values, 1)
    for purpose in SignPurpose:
        public = Ed25519PublicKey.from_public_bytes(reference.signing.public_key(purpose))
        public.verify(backend.signing.sign(purpose, PAPERS[purpose]), PAPERS[purpose])
        older = Ed25519PublicKey.from_public_bytes(reference.signing.public_key(purpose, 1))
        older.verify(backend.signing.sign(purpose, PAPERS[purpose], 1), PAPERS[purpose])


def test_the_card_ca_is_one_city(backend: Backend, software: Vault, demo_keys: KeyStore) -> None:
    reference = opened(software, demo_keys)
    assert backend.identity.ca_certificates() == reference.identity.ca_certificates()
    point = point_of(ec.generate_private_key(ec.SECP256R1()).public_key())
    card = backend.identity.issue(bytes(8), point, date(2026, 1, 1), date(2036, 1, 1))
    CardCertificate.parse(card).verify_issuer(reference.identity.ca_certificates())


@pytest.mark.parametrize("card", [bytes.fromhex("5170070104791381"), None])
def test_check_values_are_one_city(
    backend: Backend, software: Vault, demo_keys: KeyStore, card: bytes | None
) -> None:
    values = [
        each.issuing.key_check_values(
            chip_serial8=b"CHIP0001", card_serial8=card, version=1, slots=KeySlot if card else SAM_SLOTS
        )
        for each in (backend, opened(software, demo_keys))
    ]
    assert values[0] == values[1]


# Refusals


def test_a_wrong_mac1_is_refused(backend: Backend) -> None:
    with pytest.raises(Refusal) as caught:
        backend.purse.authorise_load(
            serial8=SERIAL,
            key_version=1,
            rand4=bytes(4),
            online_atc=0,
            balance_fen=0,
            amount_fen=1,
            terminal_no6=TERMINAL,
            mac1=bytes(4),
            when=WHEN,
        )
    assert refusal_of(caught) is Code.MAC_INVALID


def test_versions_that_are_not_held(vault: Vault) -> None:
    for ask in (
        lambda: vault.encipher(Usage.LOAD, 77, bytes(16)),
        lambda: vault.encipher(Usage.LOAD, 77, bytes(16), factor8=bytes(8)),
        lambda: vault.mac(Usage.SIGN, 77, b"x"),
        lambda: vault.seal(Usage.PII_DEK, 77, bytes(12), b"", b""),
        lambda: vault.open(Usage.PII_DEK, 77, bytes(12), bytes(16), b""),
    ):
        with pytest.raises(Refusal, match="of version 77") as caught:
            ask()
        assert refusal_of(caught) is Code.UNKNOWN_KEY


def test_no_key_does_another_algorithms_work(vault: Vault) -> None:
    """Every operation with a key of every other algorithm."""
    names = {key.algorithm: (key.usage, key.version) for key in vault.inventory()}
    for algorithm, (usage, version) in names.items():
        asks = {
            (Algorithm.DES3,): lambda u=usage, v=version: vault.encipher(u, v, bytes(16)),
            (Algorithm.HMAC, Algorithm.SEED): lambda u=usage, v=version: vault.mac(u, v, b"x"),
            (Algorithm.AES,): lambda u=usage, v=version: vault.seal(u, v, bytes(12), b"x", b""),
            (Algorithm.AES, None): lambda u=usage, v=version: vault.open(u, v, bytes(12), bytes(17), b""),
        }
        for fitting, ask in asks.items():
            if algorithm in fitting:
                continue
            with pytest.raises(Refusal) as caught:
                ask()
            assert refusal_of(caught) is Code.BAD_REQUEST


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 40])
def test_what_was_not_sealed_does_not_open(vault: Vault, length: int) -> None:
    with pytest.raises(Refusal) as caught:
        vault.open(Usage.PII_DEK, 1, bytes(12), bytes(length), b"place")
    assert refusal_of(caught) is Code.ENVELOPE_INVALID


def test_a_value_moved_or_changed_does_not_open(vault: Vault) -> None:
    sealed = vault.seal(Usage.PII_DEK, 1, bytes(12), b"value", b"place")
    assert vault.open(Usage.PII_DEK, 1, bytes(12), sealed, b"place") == b"value"
    changed = bytes([sealed[0] ^ 1]) + sealed[1:]
    for version, nonce, body, place in (
        (1, bytes(12), changed, b"place"),
        (1, bytes(12), sealed, b"other"),
        (1, b"1" * 12, sealed, b"place"),
        (2, bytes(12), sealed, b"place"),
    ):
        with pytest.raises(Refusal) as caught:
            vault.open(Usage.PII_DEK, version, nonce, body, place)
        assert refusal_of(caught) is Code.ENVELOPE_INVALID


# SM4 is in the software vault only


def test_sm4_masters_diversify_and_maintain_but_hold_no_purse(demo_keys: KeyStore) -> None:
    """Block of GB/T 32907, annex A.1; SM4 of the purse is not public and therefore refused."""
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    names = [(Usage.LOAD, 4), (Usage.MAINTENANCE, 4)]
    vault = SoftwareVault({name: Master(Algorithm.SM4, key) for name in names})
    assert vault.encipher(Usage.LOAD, 4, key) == bytes.fromhex("681EDF34D206965E86B3E94F536E4246")
    backend = Backend(vault, demo_keys.issuer_factor8, AllActive(names))
    header = bytes.fromhex("841E0000")
    apdu = backend.maintenance.command(
        serial8=SERIAL, version=4, header=header, data=b"", challenge=bytes(8), encrypt=False
    )
    assert apdu[:5] == header + b"\x04"
    with pytest.raises(Refusal) as caught:
        backend.purse.authorise_load(
            serial8=SERIAL,
            key_version=4,
            rand4=bytes(4),
            online_atc=0,
            balance_fen=0,
            amount_fen=1,
            terminal_no6=TERMINAL,
            mac1=bytes(4),
            when=WHEN,
        )
    assert refusal_of(caught) is Code.UNSUPPORTED


# 100,000 random cases


def test_a_hundred_thousand_random_answers_are_equal(
    software: Vault, token: Vault, demo_keys: KeyStore, card_side: CardSide
) -> None:
    rng = random.Random(20261121)
    cases = 0
    chip_keys = [key for key in software.inventory() if key.algorithm is Algorithm.DES3]
    for key in chip_keys:
        for factor8 in (None, demo_keys.issuer_factor8, rng.randbytes(8)):
            blocks = b"".join(diversification_block(rng.randbytes(8)) for _ in range(1_200))
            ours = software.encipher(key.usage, key.version, blocks, factor8=factor8)
            assert token.encipher(key.usage, key.version, blocks, factor8=factor8) == ours
            cases += len(blocks) // 16
    for usage, version in ((Usage.PII_INDEX, 1), (Usage.SIGN, 1), (Usage.SIGN, 9)):
        for _ in range(1_000):
            data = rng.randbytes(rng.randrange(1, 80))
            assert token.mac(usage, version, data) == software.mac(usage, version, data)
            cases += 1
    for _ in range(3_000):
        nonce, place, plain = (
            rng.randbytes(12),
            rng.randbytes(rng.randrange(1, 40)),
            rng.randbytes(rng.randrange(60)),
        )
        version = rng.choice((1, 2, 9))
        sealed = software.seal(Usage.PII_DEK, version, nonce, plain, place)
        assert token.seal(Usage.PII_DEK, version, nonce, plain, place) == sealed
        assert token.open(Usage.PII_DEK, version, nonce, sealed, place) == plain
        cases += 2
    records = [
        card_side.purchase_record(
            rng.randbytes(8),
            rng.randrange(1 << 31),
            rng.randrange(1 << 32),
            version=rng.choice((1, 2)),
            tac=rng.randbytes(4) if forged else None,
        )
        for forged in rng.choices((False, True), k=20_000)
    ]
    packed = b"".join(records)
    verdicts = opened(software, demo_keys).purse.verify_purchase_tacs(packed)
    assert opened(token, demo_keys).purse.verify_purchase_tacs(packed) == verdicts
    assert 9_000 < sum(verdicts) < 11_000
    cases += len(records)
    print(f"{cases:,} random cases equal in software and token")
    assert cases >= 100_000


def test_twelve_threads_share_a_vault(vault: Vault) -> None:
    """Each thread does its own mixture and checks every answer against what it got alone."""

    def work(number: int) -> list[bytes]:
        rng = random.Random(number)
        answers = []
        for _ in range(60):
            factor8 = rng.choice((None, rng.randbytes(8)))
            answers.append(vault.encipher(Usage.LOAD, 1, rng.randbytes(16), factor8=factor8))
            answers.append(vault.mac(Usage.SIGN, 1, rng.randbytes(20)))
            nonce, plain = rng.randbytes(12), rng.randbytes(30)
            sealed = vault.seal(Usage.PII_DEK, 1, nonce, plain, b"place")
            assert vault.open(Usage.PII_DEK, 1, nonce, sealed, b"place") == plain
            with pytest.raises(Refusal, match="does not belong"):
                vault.open(Usage.PII_DEK, 1, nonce, sealed, b"other")
            answers.append(sealed)
        return answers

    alone = [work(number) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(work, range(12))) == alone
