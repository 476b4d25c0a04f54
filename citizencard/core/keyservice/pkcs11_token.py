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

import PyKCS11 as P11  # noqa: N814 -- it is PKCS#11's constants by their names

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
        # PyKCS11's own number for a library that is none, or not there.
        name = "its library cannot be loaded" if error.value == -1 else P11.CKR.get(error.value, error.value)
        raise TokenError(f"the token fails: {name}", pin_refused=error.value in _PIN_ERRORS) from None


class TokenLogin:
    """Logged in for as long as its first session is open; keys derived in that session live as long."""

    def __init__(self, module: Path, label: str, pin: str) -> None:
        """Open the token with this label; `TokenError` when library or token is absent or the PIN is wrong."""
        self._library = P11.PyKCS11Lib()
        self._idle: deque[Any] = deque()
        self._first_in_use = threading.Lock()
        self._counting = threading.Lock()
        self._users = 1
        with translated():
            self._library.load(str(module))
            try:
                self._slot = self._slot_of(label)
                self._first = self._logged_in(pin)
            except (P11.PyKCS11Error, TokenError):
                self._library.unload()
                raise

    @contextlib.contextmanager
    def session(self) -> Iterator[Any]:
        """A session for one operation. One that failed is closed, since the operation may still be active in it."""
        with self._in_use(), translated():
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
        with self._in_use(), translated(), self._first_in_use:
            yield self._first

    @contextlib.contextmanager
    def writing_session(self) -> Iterator[Any]:
        """A session that may change what the token holds."""
        with self._in_use(), translated():
            session = self._open(P11.CKF_SERIAL_SESSION | P11.CKF_RW_SESSION)
            try:
                yield session
            finally:
                _close(session)

    def close(self) -> None:
        """Log out and unload the library as soon as nobody is using it any more. To be called once."""
        self._leave()

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        """Keep the library loaded meanwhile: unloading it under a running operation would end the process."""
        with self._counting:
            if self._users == 0:
                raise TokenError("the login to the token has ended")
            self._users += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._counting:
            self._users -= 1
            if self._users:
                return
        for session in (*self._idle, self._first):
            _close(session)
        # Not left to the garbage collector: some libraries see a token that is back only after being loaded anew.
        self._library.unload()

    def _logged_in(self, pin: str) -> Any:
        session = self._open(P11.CKF_SERIAL_SESSION)
        try:
            session.login(pin)
        except P11.PyKCS11Error as error:
            # A login is the whole process's: an ended one may still have sessions at work.
            if error.value != P11.CKR_USER_ALREADY_LOGGED_IN:
                _close(session)
                raise
        return session

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
