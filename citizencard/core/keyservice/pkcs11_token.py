"""One login to a PKCS#11 token: sessions for its users, the master keys found there, and what goes wrong said in a word.

A session does one operation at a time, so every operation takes one of its own from a pool. PyKCS11 stands this with many
threads; python-pkcs11 does not, nor can it derive 3DES keys.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PyKCS11 as P11  # type: ignore[import-untyped]  # noqa: N814 -- it is PKCS#11's constants by their names

from citizencard.core.keyservice.refusal import Code, Refusal


class TokenError(Refusal):
    """The token did not do what it can do; the code is vault_unavailable, `pin_refused` tells that nobody should retry."""

    def __init__(self, why: str, *, pin_refused: bool = False) -> None:
        super().__init__(Code.VAULT_UNAVAILABLE, why)
        self.pin_refused = pin_refused


_PIN_ERRORS = (P11.CKR_PIN_INCORRECT, P11.CKR_PIN_INVALID, P11.CKR_PIN_LOCKED, P11.CKR_PIN_EXPIRED)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise PyKCS11's errors as `TokenError`, with the standard's name of the error and nothing else."""
    try:
        yield
    except P11.PyKCS11Error as error:
        name = P11.CKR.get(error.value, "its library cannot be loaded")
        raise TokenError(f"the token fails: {name}", pin_refused=error.value in _PIN_ERRORS) from None


class TokenLogin:
    """Logged in for as long as its first session is open; keys derived in that session live as long."""

    def __init__(self, module: Path, label: str, pin: str) -> None:
        """Open the token with this label; `TokenError` when library or token is absent or the PIN is wrong."""
        with translated():
            self._library = P11.PyKCS11Lib()
            self._library.load(str(module))
            self._slot = self._slot_of(label)
            self._first = self._open(P11.CKF_SERIAL_SESSION)
            try:
                self._first.login(pin)
            except P11.PyKCS11Error as error:
                if error.value != P11.CKR_USER_ALREADY_LOGGED_IN:
                    raise
        self._first_in_use = threading.Lock()
        self._idle: deque[Any] = deque()

    @contextlib.contextmanager
    def session(self) -> Iterator[Any]:
        """A session for one operation. One that failed is closed, since the operation may still be active in it."""
        with translated():
            try:
                session = self._idle.pop()
            except IndexError:
                session = self._open(P11.CKF_SERIAL_SESSION)
            try:
                yield session
            except BaseException:
                _close(session)
                raise
            self._idle.append(session)

    @contextlib.contextmanager
    def first_session(self) -> Iterator[Any]:
        """The session that stays, for one user at a time: what is made in it lasts until `close`."""
        with translated(), self._first_in_use:
            yield self._first

    @contextlib.contextmanager
    def writing_session(self) -> Iterator[Any]:
        """A session that may change what the token holds."""
        with translated():
            session = self._open(P11.CKF_SERIAL_SESSION | P11.CKF_RW_SESSION)
            try:
                yield session
            finally:
                _close(session)

    def close(self) -> None:
        """Close all sessions not in use, and so the login."""
        while self._idle:
            _close(self._idle.pop())
        _close(self._first)

    def _slot_of(self, label: str) -> Any:
        for slot in self._library.getSlotList(tokenPresent=True):
            if self._library.getTokenInfo(slot).label.rstrip(" \0") == label:
                return slot
        raise TokenError(f"no token is labelled {label}")

    def _open(self, flags: int) -> Any:
        return self._library.openSession(self._slot, flags)


def _close(session: Any) -> None:
    """Close; a session whose token went away is closed already."""
    with contextlib.suppress(P11.PyKCS11Error):
        session.closeSession()
