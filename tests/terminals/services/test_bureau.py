"""The printing bureau: an enciphered file goes out, an answer comes in, and nobody on the way learns a name."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der
from cryptography.x509.oid import NameOID
from django.core.management import CommandError, call_command

from accounts.models import Card
from accounts.services.cards import order_card
from citizencard.core.keyservice.client import key_service
from citizencard.core.keyservice.keystore import KeyStore, Usage
from citizencard.core.keyservice.signing import SignPurpose
from citizencard.core.models import AuditEntry
from terminals.card.files import HolderInfo, PublicInfo
from terminals.card.keys import CARD_SLOTS
from terminals.card.profile import T_UNION
from terminals.errors import BureauAnswerWrong, BureauBatchExists, BureauCardsWrong, BureauCertificateWrong
from terminals.models import BureauBatch, BureauLine
from terminals.services.bureau import BureauFile, order_batch
from terminals.services.bureau_answer import AnswerReport, take_answer
from tests.citizencard.core.keyservice.cards import CardSide
from tests.factories import CLERK, document_number, make_citizen, make_product
from tests.terminals.chips import issued_card

pytestmark = pytest.mark.django_db

HEADING = "batch,card_number,chip_serial,outcome"
NAMES = ["林美玲", "陈小明", "Ольга Петрова"]
KEY = rsa.generate_private_key(65537, 2048)


def certificate(key: Any = KEY, *, days: int = 30) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bureau")])
    begin = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7)
    builder = builder.not_valid_before(min(begin, begin + timedelta(days=days)) - timedelta(days=1))
    builder = builder.not_valid_after(begin + timedelta(days=days)).public_key(key.public_key())
    return builder.sign(key, SHA256())


CERTIFICATE = certificate()
PEM = CERTIFICATE.public_bytes(Encoding.PEM)


@pytest.fixture
def people() -> list[tuple[Card, str, str]]:
    """Ordered cards with the name and document number of their holders."""
    made = []
    for name in NAMES:
        number = document_number()
        citizen = make_citizen(name=name, document_number=number)
        product = make_product(real_name=True)
        made.append(
            (
                order_card(product=product, citizen=citizen, actor=CLERK, valid_from=date(2026, 3, 1)),
                name,
                number,
            )
        )
    return made


def anonymous() -> Card:
    return order_card(product=make_product(), actor=CLERK, valid_from=date(2026, 3, 1))


def numbers(cards: Sequence[Card]) -> list[str]:
    return [card.pan for card in cards]


def order(*cards: Card, again: bool = False) -> BureauFile:
    return order_batch(card_numbers=numbers(cards), certificate_pem=PEM, actor=CLERK, again=again)


def opened(made: BureauFile) -> dict[str, Any]:
    """What the bureau reads with its key."""
    content: dict[str, Any] = json.loads(pkcs7_decrypt_der(made.envelope, CERTIFICATE, KEY, []))
    return content


def test_the_bureau_reads_what_it_prints(people: list[tuple[Card, str, str]]) -> None:
    plain = anonymous()
    content = opened(order(plain, *(card for card, _, _ in people)))
    entries = {entry["card_number"]: entry for entry in content["cards"]}
    for card, name, number in people:
        entry = entries[card.pan]
        assert entry["printed_name"] == name
        assert entry["template"] == "citizen"
        assert entry["photo"] == f"citizen:{card.citizen_id}"
        files = {name: bytes.fromhex(content) for name, content in entry["chip"]["files"].items()}
        assert T_UNION.card_number(PublicInfo.parse(files["EF15"])) == card.pan
        holder = HolderInfo.parse(files["EF16"])
        assert (name.startswith(holder.name), holder.document_number) == (True, number)
    assert (entries[plain.pan]["printed_name"], entries[plain.pan]["photo"]) == ("", "")


def test_openssl_opens_the_file(people: list[tuple[Card, str, str]], tmp_path: Path) -> None:
    """An implementation we did not write reads the envelope."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl program")
    (tmp_path / "file").write_bytes(order(people[0][0]).envelope)
    (tmp_path / "bureau.pem").write_bytes(PEM)
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    words = "cms -decrypt -binary -inform DER -in file -recip bureau.pem -inkey key.pem"
    done = subprocess.run([program, *words.split()], cwd=tmp_path, check=True, capture_output=True)
    assert json.loads(done.stdout)["cards"][0]["printed_name"] == NAMES[0]


def test_no_personal_datum_stands_in_clear(people: list[tuple[Card, str, str]]) -> None:
    made = order(*(card for card, _, _ in people))
    for clear in (made.envelope, made.manifest):
        for card, name, number in people:
            for form in (name.encode(), name.encode("gb18030"), number.encode(), bytes.fromhex(number[:16])):
                assert form not in clear
            assert json.dumps(name)[1:-1].encode() not in clear
            assert card.pan.encode() not in clear
            assert str(card.citizen_id).encode() not in clear
    audited = json.dumps(list(AuditEntry.objects.values_list("action", "subject", "detail")))
    assert not any(number in audited for _, _, number in people)


def test_the_file_holds_no_key(people: list[tuple[Card, str, str]], demo_keys: KeyStore) -> None:
    card = people[0][0]
    content = opened(order(card))
    assert set(content["cards"][0]["chip"]) == {"application", "key_version", "files"}
    side, text = CardSide(demo_keys), json.dumps(content).lower()
    for slot in CARD_SLOTS:
        assert side.key(Usage[slot.name], 1, card.serial).hex() not in text


def test_the_manifest_is_signed_and_names_the_file(people: list[tuple[Card, str, str]]) -> None:
    made = order(anonymous(), *(card for card, _, _ in people))
    signed = json.loads(made.manifest)
    said = signed["manifest"]
    public = key_service().public_key(SignPurpose.BUREAU_FILE)
    assert signed["public_key"] == public.hex()
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(signed["signature"]), canonical)
    assert said["batch"] == made.batch.number == opened(made)["batch"]
    assert (said["cards"], said["templates"]) == (4, {"anonymous": 1, "citizen": 3})
    assert said["envelope_sha256"] == hashlib.sha256(made.envelope).hexdigest()
    assert said["recipient_sha256"] == CERTIFICATE.fingerprint(SHA256()).hex()


def test_every_look_at_a_holder_is_audited(people: list[tuple[Card, str, str]]) -> None:
    before = AuditEntry.objects.filter(action="pii.reveal").count()
    made = order(*(card for card, _, _ in people))
    assert AuditEntry.objects.filter(action="pii.reveal").count() == before + len(people)
    entry = AuditEntry.objects.filter(action="bureau.file").get()
    assert entry.subject == f"bureau-batch:{made.batch.number}"


def test_the_same_cards_are_one_batch_and_a_second_file_is_asked_for() -> None:
    first, second = anonymous(), anonymous()
    made = order(first, second)
    with pytest.raises(BureauBatchExists, match=made.batch.number):
        order(second, first)
    repeated = order(second, first, first, again=True)
    assert repeated.batch == made.batch
    assert [json.loads(each.manifest)["manifest"]["emission"] for each in (made, repeated)] == [1, 2]
    assert opened(repeated) == opened(made)
    assert (BureauBatch.objects.count(), BureauLine.objects.count()) == (1, 2)


def test_a_file_that_failed_is_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    card = anonymous()
    with monkeypatch.context() as patch:
        patch.setattr("terminals.services.bureau._manifest", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            order(card)
    assert json.loads(order(card).manifest)["manifest"]["emission"] == 1


def test_a_card_is_in_one_batch() -> None:
    shared, other = anonymous(), anonymous()
    made = order(shared)
    with pytest.raises(BureauCardsWrong, match=made.batch.number):
        order(shared, other)
    assert BureauLine.objects.count() == 1


def test_a_spoiled_card_can_be_ordered_again() -> None:
    card, other = anonymous(), anonymous()
    made = order(card)
    answer(f"{made.batch.number},{card.pan},,spoiled")
    assert order(card, other).batch != made.batch


@pytest.mark.usefixtures("open_day")
def test_only_cards_without_chip_are_ordered(demo_keys: KeyStore) -> None:
    card, _ = issued_card(demo_keys)
    with pytest.raises(BureauCardsWrong, match=card.pan):
        order(card)
    for wrong in ([], ["3104397000000099999"], ["garbage"]):
        with pytest.raises(BureauCardsWrong):
            order_batch(card_numbers=wrong, certificate_pem=PEM, actor=CLERK)
    assert not BureauBatch.objects.exists()


def test_more_cards_than_a_box_holds_are_refused() -> None:
    many = [f"{number:019d}" for number in range(1_001)]
    with pytest.raises(BureauCardsWrong):
        order_batch(card_numbers=many, certificate_pem=PEM, actor=CLERK)


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", id="garbage"),
        pytest.param(
            certificate(ec.generate_private_key(ec.SECP256R1())).public_bytes(Encoding.PEM), id="not RSA"
        ),
        pytest.param(
            certificate(rsa.generate_private_key(65537, 1024)).public_bytes(Encoding.PEM),  # noqa: S505 -- the point
            id="short key",
        ),
        pytest.param(certificate(days=-1).public_bytes(Encoding.PEM), id="expired"),
    ],
)
def test_personal_data_are_not_entrusted_to_any_certificate(pem: bytes) -> None:
    card = anonymous()
    with pytest.raises(BureauCertificateWrong):
        order_batch(card_numbers=[card.pan], certificate_pem=pem, actor=CLERK)
    assert not BureauBatch.objects.exists()


def answer(*lines: str, heading: str = HEADING) -> AnswerReport:
    return take_answer(text="\n".join([heading, *lines, ""]), actor=CLERK)


def codes(report: AnswerReport) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in report.problems]


def test_an_answer_is_taken_once() -> None:
    first, second = anonymous(), anonymous()
    batch = order(first, second).batch
    lines = [f"{batch.number},{first.pan},00a1b2c3d4e5f607,made", f"{batch.number},{second.pan},,spoiled"]
    report = answer(*lines)
    assert (report.taken, report.repeated, report.problems) == (2, 0, [])
    assert BureauLine.objects.get(card=first).chip_serial == "00A1B2C3D4E5F607"
    at = list(BureauLine.objects.values_list("pk", "answered_at"))
    report = answer(*lines)
    assert (report.taken, report.repeated, report.problems) == (0, 2, [])
    assert list(BureauLine.objects.values_list("pk", "answered_at")) == at


def test_each_wrong_line_is_named_and_the_others_are_taken() -> None:
    cards = [anonymous() for _ in range(4)]
    number = order(*cards).batch.number
    report = answer(
        f"{number},{cards[0].pan},0000000000000001,made",
        f"{number},{cards[1].pan},0000000000000001,made",
        f"{number},{cards[0].pan},0000000000000002,made",
        f"{number},{cards[0].pan},,spoiled",
        f"{number},{cards[2].pan},12345,made",
        f"{number},{cards[2].pan},,made",
        f"{number},{cards[2].pan},,lost",
        f"{number},3104397000000099999,0000000000000003,made",
        f"B999999,{cards[2].pan},0000000000000003,made",
        f"{number.removeprefix('B')},{cards[2].pan},0000000000000003,made",
        f"{number},{cards[2].pan}",
        "",
        f"{number},{cards[3].pan},0000000000000004,made",
    )
    assert (report.taken, report.repeated) == (2, 0)
    assert codes(report) == [
        (3, "chip_taken"),
        (4, "contradiction"),
        (5, "contradiction"),
        (6, "chip_serial"),
        (7, "chip_serial"),
        (8, "outcome"),
        (9, "not_ordered"),
        (10, "not_ordered"),
        (11, "not_ordered"),
        (12, "columns"),
    ]


@pytest.mark.parametrize("text", ["", "card_number\n", f'{HEADING}\n"unfinished', f"{HEADING}\na,b,c\0,d"])
def test_what_is_no_answer_changes_nothing(text: str) -> None:
    try:
        report = take_answer(text=text, actor=CLERK)
    except BureauAnswerWrong:
        assert not AuditEntry.objects.filter(action="bureau.answer").exists()
    else:
        assert (report.taken, codes(report)) == (0, [(2, "outcome")])


def test_commands_write_and_read_the_files(people: list[tuple[Card, str, str]], tmp_path: Path) -> None:
    (tmp_path / "bureau.pem").write_bytes(PEM)
    cards = [card for card, _, _ in people]
    (tmp_path / "cards").write_text("\n".join(numbers(cards)))
    out, said = tmp_path / "batch.p7m", StringIO()
    words = ["--certificate", str(tmp_path / "bureau.pem"), "--out", str(out), "--actor", CLERK]
    call_command("bureau_file", "--from-file", str(tmp_path / "cards"), *words, stdout=said)
    batch = BureauBatch.objects.get()
    assert batch.number in said.getvalue()
    assert opened(BureauFile(batch, out.read_bytes(), b""))["batch"] == batch.number
    assert out.stat().st_mode & 0o077 == 0
    manifest = json.loads((tmp_path / "batch.p7m.manifest.json").read_bytes())
    assert manifest["manifest"]["cards"] == len(cards)
    with pytest.raises(CommandError, match=batch.number):
        call_command("bureau_file", "--cards", *numbers(cards), *words)
    call_command("bureau_file", "--cards", *numbers(cards), *words, "--again", stdout=said)

    answered = tmp_path / "answer.csv"
    answered.write_text(f"{HEADING}\n{batch.number},{cards[0].pan},0000000000000001,made\n")
    call_command("bureau_answer", str(answered), "--actor", CLERK, stdout=said)
    assert "1 taken, 0 known, 0 refused" in said.getvalue()
    answered.write_text(f"{HEADING}\n{batch.number},{cards[0].pan},0000000000000002,made\n")
    with pytest.raises(CommandError):
        call_command("bureau_answer", str(answered), "--actor", CLERK, stdout=said)
    assert "contradiction" in said.getvalue()


def test_commands_say_in_a_sentence_what_is_missing(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    with pytest.raises(CommandError, match="absent"):
        call_command("bureau_answer", absent, "--actor", CLERK)
    words = ["--certificate", absent, "--out", absent, "--actor", CLERK]
    with pytest.raises(CommandError, match="absent"):
        call_command("bureau_file", "--cards", "1", *words)
