"""The terminal's own configuration, a TOML file: what stands in it, and what is wrong with it in one sentence."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from terminals.fares.errors import DocumentError
from terminals.fares.fields import Fields
from terminals.program.channels import CHANNELS
from terminals.program.errors import ConfigError
from terminals.program.marks import LINE_DIGITS, NO_LINE, NO_MARKS, Marks
from terminals.program.post import Post, Role
from terminals.program.stops import NOWHERE

PUBLIC_KEY_HEX: Final = 64
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often the centre is asked and told; every time is drawn a little otherwise, so that a fleet does not come at once."""

    heartbeat: timedelta = timedelta(minutes=5)
    lists: timedelta = timedelta(minutes=15)
    clock: timedelta = timedelta(hours=1)
    events: timedelta = timedelta(minutes=1)
    totals: timedelta = timedelta(minutes=10)

    @classmethod
    def parse(cls, fields: Fields) -> Self:
        """Seconds by name. Raises DocumentError."""
        names = cls.__dataclass_fields__.keys()
        given = {
            name: fields.whole(name, 1, DAY_S, "number of seconds") for name in names if fields.has(name)
        }
        fields.done()
        return cls(**{name: timedelta(seconds=seconds) for name, seconds in given.items()})


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the terminal stands, what it is made of, and how it reaches the centre.

    Exactly one of `sam_reader` and `sam_folder` (a simulated SAM) is given.
    """

    code: str
    post: Post
    online: bool
    state: Path
    url: str
    key_file: Path
    centre_key: bytes
    card_reader: str
    sam_reader: str | None
    sam_folder: Path | None
    schedule: Schedule


def read_settings(file: Path) -> Settings:
    """Read and check. Raises ConfigError naming field and rule."""
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), f"is not TOML: {error}") from error
    try:
        return _settings(Fields(content), file.parent)
    except DocumentError as error:
        raise ConfigError(error.field, error.rule) from error


def read_key(file: Path) -> Ed25519PrivateKey:
    """The terminal's signing key, PEM. Raises ConfigError."""
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except OSError as error:
        raise ConfigError("centre.key", f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise ConfigError("centre.key", f"{file} is not an unencrypted private key in PEM form") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("centre.key", f"{file} is not an Ed25519 key")
    return key


def _settings(fields: Fields, folder: Path) -> Settings:
    terminal, centre, sam = (fields.object(name) for name in ("terminal", "centre", "sam"))
    card, state = fields.object("card"), fields.object("state")
    settings = Settings(
        code=terminal.code("code"),
        post=replace(
            _post(terminal), marks=Marks.parse(fields.object("marks")) if fields.has("marks") else NO_MARKS
        ),
        online=terminal.flag("online") if terminal.has("online") else False,
        state=folder / state.text("folder"),
        url=_url(centre),
        key_file=folder / centre.text("key"),
        centre_key=_public_key(centre),
        card_reader=card.text("reader"),
        sam_reader=sam.text("reader") if sam.has("reader") else None,
        sam_folder=folder / sam.text("folder") if sam.has("folder") else None,
        schedule=Schedule.parse(fields.object("every")) if fields.has("every") else Schedule(),
    )
    if (settings.sam_reader is None) is (settings.sam_folder is None):
        raise sam.wrong("reader", "give either reader or folder")
    for part in (terminal, centre, sam, card, state, fields):
        part.done()
    return settings


def _post(terminal: Fields) -> Post:
    channel = terminal.choice("mode", {code: code for code in CHANNELS})
    return Post(
        channel=channel,
        tariff=terminal.code("tariff") if terminal.has("tariff") else "",
        line=terminal.code("line") if terminal.has("line") else "",
        line_no=_digits(terminal, "line_no") if terminal.has("line_no") else NO_LINE,
        role=terminal.choice("role", {role.value: role.value for role in Role})
        if terminal.has("role")
        else Role.BOTH,
        stop=terminal.code("stop") if terminal.has("stop") else NOWHERE,
    )


def _digits(fields: Fields, key: str) -> str:
    value = fields.text(key)
    if len(value) != LINE_DIGITS or not value.isascii() or not value.isdecimal():
        raise fields.wrong(key, f"is not {LINE_DIGITS} digits in quotes")
    return value


def _url(centre: Fields) -> str:
    value = centre.text("url")
    if not value.startswith(("http://", "https://")):
        raise centre.wrong("url", "does not begin with http:// or https://")
    return value


def _public_key(centre: Fields) -> bytes:
    value: Any = centre.text("centre_key")
    if len(value) != PUBLIC_KEY_HEX or any(digit not in "0123456789abcdefABCDEF" for digit in value):
        raise centre.wrong("centre_key", f"is not {PUBLIC_KEY_HEX} hexadecimal digits")
    return bytes.fromhex(value)
