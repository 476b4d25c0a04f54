"""The program that is given away: it says yes to what was proved, and to nothing else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Purse, Transfer
from settlement.models import SettlementFiles
from settlement.selectors.proofs import consistency, published_heads, published_keys
from settlement.selectors.receipts import balance_proof, transfer_receipt
from settlement.services.clearing import clear_day
from settlement.services.files import settlement_files
from tests.settlement.small_city import NEXT_DAY
from tests.settlement.verifier import PROGRAM, holds, run, verify, written

Documents = dict[str, Any]


@pytest.fixture
def proved(city: date) -> Documents:
    """One of each document, of two dates."""
    clear_day(day=city)
    clear_day(day=NEXT_DAY)
    purse = Purse.objects.earliest("id")
    paid = Transfer.objects.filter(debit_id=purse.account_id).earliest("id")
    return {
        "keys": published_keys(),
        "heads": {"kind": "heads", "heads": published_heads(after=0, limit=9)},
        "receipt": transfer_receipt(account_ids=[purse.account_id], day=city, transfer_id=paid.id),
        "balance": balance_proof(account_id=purse.account_id),
        "consistency": consistency(before=1, size=2),
    }


def altered(content: Any) -> Iterator[Any]:
    """The document with one thing changed, for every thing in it; words for people are not proved."""
    if isinstance(content, dict):
        yield {**content, "strange": 1}
        for name in content:
            if name != "about":
                yield {each: value for each, value in content.items() if each != name}
                yield from ({**content, name: other} for other in altered(content[name]))
    elif isinstance(content, list):
        yield [*content, *(content[-1:] or ["00" * 32])]
        for at in range(len(content)):
            yield content[:at] + content[at + 1 :]
            yield from ([*content[:at], other, *content[at + 1 :]] for other in altered(content[at]))
    elif isinstance(content, int):
        yield from (content + 1, content - 1, -content - 1, str(content), True, float(content) + 0.5)
    else:
        yield from (
            f"{content}0",
            content[:-1] + ("1" if content[-1:] == "0" else "0"),
            content.upper() + " ",
            None,
        )


def test_as_a_process_of_its_own_it_checks_everything(proved: Documents, tmp_path: Path) -> None:
    ran = run(*written(tmp_path, **proved))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "全部核验通过 / everything holds" in ran.stdout
    assert "2.00 元" in ran.stdout
    assert "未被改写" in ran.stdout
    proved["receipt"]["transfer"]["amount_fen"] += 1
    ran = run(*written(tmp_path, **proved))
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "✗" in ran.stdout
    assert run().returncode == run(str(tmp_path / "none.json")).returncode == 1


def test_the_example_of_the_description_prints_what_stands_there() -> None:
    page = (PROGRAM.parent / "README.md").read_text("utf-8")
    command, printed = page[page.index("    python3 verify.py example/") :].split("\n\nprints\n\n")
    ran = run(*command.split()[2:], folder=PROGRAM.parent)
    assert ran.returncode == 0
    assert (
        "".join(f"    {line}\n" for line in ran.stdout.splitlines()) == printed[: printed.index("\n\n") + 1]
    )


@pytest.mark.parametrize("name", ["receipt", "balance", "consistency"])
def test_no_field_and_no_element_of_a_path_can_be_changed(
    proved: Documents, tmp_path: Path, name: str
) -> None:
    others = 0
    assert holds(tmp_path, keys=proved["keys"], document=proved[name])
    for other in altered(proved[name]):
        assert not holds(tmp_path, keys=proved["keys"], document=other), other
        others += 1
    assert others > 100


def test_words_for_people_are_not_proved(proved: Documents, tmp_path: Path) -> None:
    proved["receipt"]["about"] = {"kind": "something else"}
    assert holds(tmp_path, keys=proved["keys"], receipt=proved["receipt"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_bit_of_a_receipt_can_be_flipped(proved: Documents, tmp_path: Path, data: st.DataObject) -> None:
    receipt = {name: value for name, value in proved["receipt"].items() if name != "about"}
    text = bytearray(json.dumps(receipt, separators=(",", ":")).encode())
    at = data.draw(st.integers(0, len(text) * 8 - 1))
    text[at // 8] ^= 1 << at % 8
    assert not holds(tmp_path, keys=proved["keys"], receipt=text.decode("latin-1"))


def test_another_key_and_another_history_are_not_believed(proved: Documents, tmp_path: Path) -> None:
    receipt, keys = proved["receipt"], proved["keys"]
    assert not holds(tmp_path, receipt=receipt)
    stranger = Ed25519PrivateKey.generate()
    head = {**receipt["head"], "at": "2026-11-05T00:00:00.000000+00:00"}
    signed = stranger.sign(b"citizencard tree head 1\n" + verify.canonical(head)).hex()
    assert not holds(tmp_path, keys=keys, receipt={**receipt, "head": head, "signature": signed})
    # Signed by the centre itself, and yet another head of a size that was shown before: that is what everybody watches for.
    checker = verify.Checker()
    checker.heads[2] = head
    checker.take_keys({"keys": keys["keys"]}, tmp_path)
    with pytest.raises(verify.Refused, match="no other head"):
        checker.head(receipt["head"], bytes.fromhex(receipt["signature"]))


def test_no_field_of_a_head_can_be_changed(proved: Documents, tmp_path: Path) -> None:
    first, second = proved["heads"]["heads"]
    for other in altered(first):
        assert not holds(tmp_path, keys=proved["keys"], heads={"kind": "heads", "heads": [other, second]}), (
            other
        )


def test_a_head_that_is_missing_from_a_list_is_noticed(proved: Documents, tmp_path: Path) -> None:
    later = {"kind": "heads", "heads": proved["heads"]["heads"][1:]}
    assert not holds(tmp_path, keys=proved["keys"], heads=later)
    first = {"kind": "heads", "heads": proved["heads"]["heads"][:1]}
    assert holds(tmp_path, keys=proved["keys"], first=first, second=later)


def test_a_merchants_files_are_those_that_were_signed(proved: Documents, tmp_path: Path) -> None:
    files = settlement_files(SettlementFiles.objects.get(statement__merchant__code="M00002"))
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    keys = written(tmp_path, keys=proved["keys"])
    manifest = next(str(tmp_path / name) for name in files if name.endswith("manifest.json"))
    ran = run(*keys, manifest)
    assert ran.returncode == 0, ran.stdout
    assert "4 笔，贷 20.74，借 20.74" in ran.stdout
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.replace(b"1", b"2", 1))
        assert verify.main([*keys, manifest]) == 1
        (tmp_path / name).write_bytes(content)
    assert verify.main([*keys, manifest]) == 0


# RFC 8032, section 7.1, tests 2 and 3.
@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
)
def test_signatures_of_the_standard(public: str, message: str, signature: str) -> None:
    key, said, signed = (bytes.fromhex(text) for text in (public, message, signature))
    assert verify.is_signed(key, said, signed)
    assert not verify.is_signed(key, said + b"x", signed)
    # The same point with the group's order added to the scalar is no second signature.
    more = int.from_bytes(signed[32:], "little") + verify.ORDER
    assert not verify.is_signed(key, said, signed[:32] + more.to_bytes(32, "little"))


@settings(max_examples=10, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=80), bit=st.integers(0, 511))
def test_signatures_are_judged_as_by_another_program(seed: bytes, message: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), bytearray(private.sign(message))
    assert verify.is_signed(public, message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(verify.Refused):
        assert not verify.is_signed(public, message, bytes(signature))
