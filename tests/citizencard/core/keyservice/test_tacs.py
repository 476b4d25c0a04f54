"""Purchase TACs in bulk: both ways of computing them against the plain library, and forgeries by the million."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from citizencard.core.keyservice import tacs
from citizencard.core.keyservice.backend import Backend, KeyRing
from citizencard.core.keyservice.handlers import answer
from citizencard.core.keyservice.keystore import KeyStore, Usage
from citizencard.core.keyservice.lifecycle import AllActive, Intent
from citizencard.core.keyservice.protocol import RIGHT, TAC_RECORD, UNCHECKED, WRONG, Opcode
from citizencard.core.keyservice.refusal import Code, Refusal
from citizencard.core.keyservice.tacs import BULK_FROM, EncipherCards, verify
from citizencard.core.keyservice.vault_software import SoftwareVault
from terminals.card import crypto
from terminals.card.bulk.macs import LANES

MASTERS: Final = {1: bytes(range(16)), 2: bytes(range(16, 32)), 200: bytes(range(32, 48))}
"""At the issuer's level, by key version."""
ONLY_BULK, NEVER_BULK = 0, 1 << 62


def encipher(version: int, blocks: bytes) -> bytes:
    if version not in MASTERS:
        raise Refusal(Code.UNKNOWN_KEY, f"no TAC key of version {version}")
    return crypto.encrypt_ecb(MASTERS[version], blocks)


def right_tac(record: bytes) -> bytes:
    """The plain way: derive the card's key, make its MAC."""
    key = crypto.tac_key(crypto.diversify(MASTERS[record[8]], record[:8]))
    return crypto.des_mac(key, record[9:31])


def genuine(rng: random.Random, count: int, *, cards: int) -> list[bytes]:
    serials = [rng.randbytes(8) for _ in range(cards)]
    heads = (rng.choice(serials) + bytes([rng.choice([*MASTERS])]) + rng.randbytes(22) for _ in range(count))
    return [head + right_tac(head) for head in heads]


def tampered(rng: random.Random, record: bytes) -> bytes:
    """One changed bit of the TAC, of what it covers or of the serial, or a key version that nobody holds."""
    changed = bytearray(record)
    at = rng.randrange(TAC_RECORD)
    if at == 8:
        changed[at] = 77
    else:
        changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.fixture(params=[ONLY_BULK, NEVER_BULK], ids=["bulk", "library"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute by one path only, whatever the number of records."""
    monkeypatch.setattr(tacs, "BULK_FROM", request.param)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("cards", [300, 30_000])
def test_thirty_thousand_verdicts_are_the_library_s(cards: int) -> None:
    """A third is wrong in some way; the slow way judges each record alone."""
    rng = random.Random(cards)
    records = genuine(rng, 30_000, cards=cards)
    records = [tampered(rng, record) if rng.random() < 1 / 3 else record for record in records]
    expected = bytes(record[8] in MASTERS and right_tac(record) == record[31:] for record in records)
    assert 18_000 < sum(expected) < 22_000
    assert verify(b"".join(records), encipher) == expected


@pytest.mark.parametrize(
    "count", [0, 1, 2, 63, 64, 65, BULK_FROM - 1, BULK_FROM, BULK_FROM + 1, LANES - 1, LANES, LANES + 1]
)
def test_any_number_of_records(count: int) -> None:
    """Around a word, around the change of path, around one pass: the last record counts as much as the first."""
    rng = random.Random(count)
    pool = genuine(rng, 50, cards=20)
    records = [rng.choice(pool) for _ in range(count)]
    wrong = {0, count // 2, count - 1} & set(range(count))
    for at in wrong:
        records[at] = records[at][:-1] + bytes([records[at][-1] ^ 1])
    expected = bytes(at not in wrong for at in range(count))
    assert verify(b"".join(records), encipher) == expected


@pytest.mark.usefixtures("path")
def test_each_card_is_enciphered_once_and_all_of_a_version_together() -> None:
    asked: list[tuple[int, int]] = []

    def counting(version: int, blocks: bytes) -> bytes:
        asked.append((version, len(blocks) // 16))
        return encipher(version, blocks)

    rng = random.Random(1)
    records = genuine(rng, 400, cards=10)
    assert verify(b"".join(records), counting) == b"\x01" * 400
    pairs = {(record[8], record[:8]) for record in records}
    assert asked == [(version, sum(held == version for held, _ in pairs)) for version in MASTERS]


@pytest.mark.usefixtures("path")
def test_the_very_same_tac_under_another_version_is_wrong() -> None:
    record = genuine(random.Random(2), 1, cards=1)[0]
    changed = [record[:8] + bytes([version]) + record[9:] for version in range(256)]
    assert verify(b"".join(changed), encipher) == bytes(version == record[8] for version in range(256))


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("code", [Code.UNKNOWN_KEY, Code.KEY_NOT_PERMITTED, Code.UNSUPPORTED])
def test_a_version_not_to_be_used_does_not_stop_the_others(code: Code) -> None:
    def one_refused(version: int, blocks: bytes) -> bytes:
        if version == 2:
            raise Refusal(code, "not this one")
        return encipher(version, blocks)

    records = genuine(random.Random(3), 100, cards=10)
    refused = UNCHECKED if code is Code.KEY_NOT_PERMITTED else WRONG
    expected = bytes(refused if record[8] == 2 else RIGHT for record in records)
    assert verify(b"".join(records), one_refused) == expected


def test_zero_keys_do_not_verify_an_unknown_version() -> None:
    """A record made under the all-zero key, which stands in the place of a missing one, stays wrong."""
    head = bytes(8) + b"\x07" + bytes(22)
    assert verify(head + crypto.des_mac(bytes(8), head[9:]), encipher) == b"\x00"


@pytest.mark.parametrize("code", [Code.VAULT_UNAVAILABLE, Code.BUSY, Code.INTERNAL])
def test_keys_out_of_reach_are_no_verdict(code: Code) -> None:
    def unreachable(version: int, blocks: bytes) -> bytes:
        raise Refusal(code, "not now")

    with pytest.raises(Refusal) as caught:
        verify(genuine(random.Random(4), 1, cards=1)[0], unreachable)
    assert caught.value.code is code


def test_sealing_in_the_middle_is_no_verdict(demo_keys: KeyStore) -> None:
    """The keys go while a batch is under way: it is to be asked again, not to be refused tap by tap."""
    ring = KeyRing()

    class SealedMeanwhile(AllActive):
        def permits(self, usage: Usage, version: int, intent: Intent) -> bool:
            ring.put(None)
            return False

    vault, policy = SoftwareVault(demo_keys.keys), SealedMeanwhile(demo_keys.masters)
    ring.put(Backend(vault, demo_keys.issuer_factor8, policy))
    with pytest.raises(Refusal) as caught:
        answer(ring, Opcode.VERIFY_PURCHASE_TACS, bytes(8) + b"\x01" + bytes(26))
    assert caught.value.code is Code.SEALED


@pytest.mark.parametrize("length", [1, 34, 36, 69])
def test_half_a_record_is_refused(length: int) -> None:
    with pytest.raises(Refusal) as caught:
        verify(bytes(length), encipher)
    assert caught.value.code is Code.BAD_REQUEST


Verifier = Callable[[bytes, EncipherCards], bytes]


def careless(packed: bytes, encipher_cards: EncipherCards) -> bytes:
    """A verifier that compares the first byte of a TAC only."""
    records = np.frombuffer(packed, tacs._RECORD)
    keys8, usable = tacs._tac_keys(records, encipher_cards)
    first_right = tacs.des_macs(keys8, records["covered"])[:, 0] == records["tac"][:, 0]
    return bytes((first_right & usable).astype(np.uint8))


def flipped_bits(records: list[bytes]) -> bytes:
    """Each record once for every one of its bits, with that bit changed."""
    octets = np.frombuffer(b"".join(records), np.uint8).reshape(-1, 1, TAC_RECORD)
    bits = np.packbits(np.eye(TAC_RECORD * 8, dtype=np.uint8), axis=1)
    return (octets ^ bits).tobytes()


def random_tacs(records: list[bytes], count: int) -> bytes:
    """Genuine records, each many times over with four random bytes for its TAC."""
    octets = np.frombuffer(b"".join(records), np.uint8).reshape(-1, TAC_RECORD)
    forged = octets[np.arange(count) % len(records)].copy()
    forged[:, 31:] = np.random.default_rng(20261121).integers(0, 256, (count, 4), np.uint8)
    return forged.tobytes()


def accepted(verifier: Verifier, packed: bytes) -> int:
    return verifier(packed, encipher).count(1)


def test_no_forged_tac_is_accepted() -> None:
    """Every bit of a thousand genuine records flipped and a million random TACs, and the control that lets some pass."""
    records = genuine(random.Random(5), 1000, cards=1000)
    assert verify(b"".join(records), encipher) == b"\x01" * 1000
    for name, packed in (
        ("records with one bit flipped", flipped_bits(records)),
        ("random TACs", random_tacs(records, 1_000_000)),
    ):
        passed, let_pass = accepted(verify, packed), accepted(careless, packed)
        print(
            f"{len(packed) // TAC_RECORD:,} {name}: {passed} accepted; by a verifier of one byte: {let_pass:,}"
        )
        assert passed == 0
        assert let_pass > 1000
