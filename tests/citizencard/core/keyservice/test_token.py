"""What is special to a token: its keys cannot be taken out, and its faults are told and got over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from citizencard.core.keyservice.backend import Backend
from citizencard.core.keyservice.keystore import Algorithm, KeyStore, Master, Usage
from citizencard.core.keyservice.lifecycle import AllActive
from citizencard.core.keyservice.refusal import Code, Refusal
from tests.citizencard.core.keyservice.tokens import MISSING, MODULE, PIN, softhsm

P11 = pytest.importorskip("PyKCS11")
vault_pkcs11 = pytest.importorskip("citizencard.core.keyservice.vault_pkcs11")
pytestmark = pytest.mark.skipif(not MODULE.exists(), reason=MISSING)

MASTER = Master(Algorithm.DES3, bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"))
AES = Master(Algorithm.AES, bytes(range(32)))
SEED = Master(Algorithm.SEED, bytes(range(32, 64)))


@pytest.fixture
def tokens(folder: Path) -> Iterator[Path]:
    with softhsm(folder, "city", "other") as where:
        yield where


@pytest.fixture
def vault(tokens: Path) -> Iterator[Any]:
    held = vault_pkcs11.Pkcs11Vault(MODULE, "city", PIN)
    held.import_master(Usage.LOAD, 1, MASTER)
    held.import_master(Usage.PII_DEK, 1, AES)
    held.import_master(Usage.SIGN, 1, SEED)
    assert len(held.inventory()) == 3
    yield held
    held.close()


@pytest.fixture
def session(vault: Any) -> Iterator[Any]:
    """Another user of the token, logged in as the vault is."""
    library = P11.PyKCS11Lib()
    library.load(str(MODULE))
    slot = next(slot for slot in library.getSlotList() if library.getTokenInfo(slot).label.strip() == "city")
    opened = library.openSession(slot, P11.CKF_SERIAL_SESSION | P11.CKF_RW_SESSION)
    yield opened
    library.closeAllSessions(slot)
    library.unload()


def refusal(ask: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        ask()
    return caught.value


def works(vault: Any) -> bool:
    return bool(vault.encipher(Usage.LOAD, 1, bytes(8))[:3].hex().upper() == MASTER.kcv)


def keys_in(session: Any) -> list[Any]:
    return list(session.findObjects([(P11.CKA_CLASS, P11.CKO_SECRET_KEY)]))


def test_no_key_can_be_read_or_wrapped(vault: Any, session: Any) -> None:
    """Masters, and the issuer's level derived from one."""
    vault.encipher(Usage.LOAD, 1, bytes(8), factor8=b"\xc1\xd9\xd6\xdd" * 2)
    handles = keys_in(session)
    assert len(handles) == 4
    wrapping = session.generateKey([(P11.CKA_TOKEN, False), (P11.CKA_WRAP, True), (P11.CKA_VALUE_LEN, 32)])
    for handle in handles:
        assert session.getAttributeValue(handle, [P11.CKA_VALUE]) == [None]
        sensitive, extractable = session.getAttributeValue(handle, [P11.CKA_SENSITIVE, P11.CKA_EXTRACTABLE])
        assert (bool(sensitive), bool(extractable)) == (True, False)
        with pytest.raises(P11.PyKCS11Error, match="CKR_KEY_UNEXTRACTABLE"):
            session.wrapKey(wrapping, handle, P11.Mechanism(P11.CKM_AES_KEY_WRAP))
        for attribute, value in ((P11.CKA_EXTRACTABLE, True), (P11.CKA_SENSITIVE, False)):
            with pytest.raises(P11.PyKCS11Error):
                session.setAttributeValue(handle, [(attribute, value)])


def test_no_key_does_what_it_is_not_for(vault: Any, session: Any) -> None:
    by_type = {session.getAttributeValue(key, [P11.CKA_KEY_TYPE])[0]: key for key in keys_in(session)}
    for key_type, mechanism in (
        (P11.CKK_DES2, P11.Mechanism(P11.CKM_DES3_CBC, bytes(8))),
        (P11.CKK_AES, P11.Mechanism(P11.CKM_AES_ECB)),
    ):
        with pytest.raises(P11.PyKCS11Error, match="CKR_MECHANISM_INVALID"):
            session.encrypt(by_type[key_type], bytes(16), mechanism)
    with pytest.raises(P11.PyKCS11Error):
        session.decrypt(by_type[P11.CKK_DES2], bytes(16), P11.Mechanism(P11.CKM_DES3_ECB))


def test_token_files_hold_no_key_in_clear(vault: Any, tokens: Path) -> None:
    content = b"".join(file.read_bytes() for file in tokens.rglob("*") if file.is_file())
    assert b"citizencard" not in content, "SoftHSM encrypts what is private, labels too"
    assert not any(master.key in content for master in (MASTER, AES, SEED))


def test_a_master_is_imported_once_and_destroyed_for_good(vault: Any) -> None:
    again = refusal(lambda: vault.import_master(Usage.LOAD, 1, MASTER))
    assert (again.code, again.message) == (
        Code.BAD_REQUEST,
        "the token holds a LOAD key of version 1 already",
    )
    vault.destroy_master(Usage.LOAD, 1)
    assert refusal(lambda: vault.encipher(Usage.LOAD, 1, bytes(8))).code is Code.UNKNOWN_KEY
    assert refusal(lambda: vault.destroy_master(Usage.LOAD, 1)).code is Code.UNKNOWN_KEY
    assert [key.usage for key in vault.inventory()] == [Usage.PII_DEK, Usage.SIGN]
    assert vault.import_master(Usage.LOAD, 1, MASTER).kcv == "08D7B4"
    assert works(vault)


def test_sm4_masters_do_not_enter_a_token(vault: Any) -> None:
    told = refusal(lambda: vault.import_master(Usage.LOAD, 4, Master(Algorithm.SM4, bytes(16))))
    assert (told.code, told.message) == (Code.UNSUPPORTED, "a PKCS#11 token holds no SM4 keys")


def test_keys_of_others_are_left_alone(vault: Any, session: Any) -> None:
    session.generateKey([(P11.CKA_TOKEN, True), (P11.CKA_VALUE_LEN, 32), (P11.CKA_LABEL, "backup")])
    again = vault_pkcs11.Pkcs11Vault(MODULE, "city", PIN)
    assert len(again.inventory()) == 3
    again.close()


@pytest.mark.parametrize(
    ("label", "attribute", "told"),
    [
        ("citizencard PII_DEK 7", (P11.CKA_EXTRACTABLE, True), "could be read out of the token"),
        ("citizencard LOAD 7", (P11.CKA_EXTRACTABLE, False), "is a key of another type"),
    ],
)
def test_a_doubtful_key_under_our_name_is_not_used(
    vault: Any, session: Any, label: str, attribute: tuple[int, bool], told: str
) -> None:
    template = [(P11.CKA_TOKEN, True), (P11.CKA_VALUE_LEN, 32), (P11.CKA_LABEL, label), attribute]
    session.generateKey([*template, (P11.CKA_SENSITIVE, True)])
    fault = refusal(lambda: vault_pkcs11.Pkcs11Vault(MODULE, "city", PIN))
    assert (fault.code, fault.message) == (Code.VAULT_UNAVAILABLE, f"{label} {told}")


def test_a_wrong_pin_is_told_and_not_in_the_message(tokens: Path) -> None:
    fault = refusal(lambda: vault_pkcs11.Pkcs11Vault(MODULE, "city", "0000-wrong"))
    assert (fault.code, fault.message) == (Code.VAULT_UNAVAILABLE, "the token fails: CKR_PIN_INCORRECT")


def test_a_token_or_library_that_is_not_there(tokens: Path) -> None:
    absent = refusal(lambda: vault_pkcs11.Pkcs11Vault(MODULE, "village", PIN))
    assert (absent.code, absent.message) == (Code.VAULT_UNAVAILABLE, "no token is labelled village")
    broken = refusal(lambda: vault_pkcs11.Pkcs11Vault(tokens / "no.so", "city", PIN))
    assert (broken.code, broken.message) == (
        Code.VAULT_UNAVAILABLE,
        "the token fails: its library cannot be loaded",
    )


def test_lost_sessions_are_not_noticed_outside(vault: Any, session: Any) -> None:
    """As after the restart of an HSM: every session is gone, and with it the login and what was derived."""
    factor8 = bytes(range(8))
    before = vault.encipher(Usage.LOAD, 1, bytes(16), factor8=factor8)
    for slot in session.pykcs11.getSlotList():
        session.pykcs11.closeAllSessions(slot)
    assert vault.encipher(Usage.LOAD, 1, bytes(16), factor8=factor8) == before
    assert works(vault)


def test_sessions_lost_under_twelve_threads(vault: Any, session: Any) -> None:
    """Every answer is right or a refusal that may be repeated, and in the end all goes on."""
    factor8 = bytes(range(8))
    right = vault.encipher(Usage.LOAD, 1, bytes(16), factor8=factor8)
    stop = threading.Event()

    def work(_: int) -> set[Any]:
        answers = set()
        while not stop.is_set():
            try:
                answers.add(vault.encipher(Usage.LOAD, 1, bytes(16), factor8=factor8))
            except Refusal as told:
                answers.add(told.code)
        return answers

    with ThreadPoolExecutor(12) as pool:
        running = [pool.submit(work, number) for number in range(12)]
        for _ in range(5):
            time.sleep(0.1)
            for slot in session.pykcs11.getSlotList():
                session.pykcs11.closeAllSessions(slot)
        stop.set()
        answers = set().union(*(thread.result() for thread in running))
    assert right in answers <= {right, Code.VAULT_UNAVAILABLE}
    assert vault.encipher(Usage.LOAD, 1, bytes(16), factor8=factor8) == right


def test_a_removed_token_is_told_and_used_again_when_it_is_back(
    vault: Any, tokens: Path, demo_keys: KeyStore
) -> None:
    held = [(key.usage, key.version) for key in vault.inventory()]
    backend = Backend(vault, demo_keys.issuer_factor8, AllActive(held))
    sealed = backend.privacy.seal([(b"t|c|1", b"value")])
    away = tokens.with_name("away")
    tokens.rename(away)
    for ask in (lambda: backend.privacy.open([(b"t|c|1", sealed[0])]), lambda: works(vault)):
        for _ in range(3):
            assert refusal(ask).code is Code.VAULT_UNAVAILABLE
    away.rename(tokens)
    assert backend.privacy.open([(b"t|c|1", sealed[0])]) == [b"value"]


def test_a_pin_changed_meanwhile_is_offered_once_only(vault: Any, session: Any) -> None:
    """Offered again and again it would lock the token against its custodians."""
    session.setPin(PIN, "changed-meanwhile")
    for slot in session.pykcs11.getSlotList():
        session.pykcs11.closeAllSessions(slot)
    attempts = []
    with pytest.MonkeyPatch.context() as patch:
        plain = P11.Session.login
        patch.setattr(
            P11.Session, "login", lambda self, pin, *words: (attempts.append(1), plain(self, pin, *words))
        )
        for _ in range(5):
            assert refusal(lambda: works(vault)).code is Code.VAULT_UNAVAILABLE
    assert len(attempts) == 1


def test_a_closed_vault_answers_nothing(vault: Any) -> None:
    vault.close()
    assert refusal(lambda: works(vault)).code is Code.VAULT_UNAVAILABLE
    assert refusal(vault.inventory).code is Code.VAULT_UNAVAILABLE
