"""Readers and keys for commands that work on chips; what goes wrong becomes one sentence."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management.base import CommandError

from terminals.card.errors import CardError
from terminals.card.transport import Transport
from terminals.program.config import read_key
from terminals.program.errors import ConfigError
from terminals.program.news import News
from terminals.readers.memory import MemoryTransport, SimulatedChip
from terminals.readers.pcsc import PcscTransport
from terminals.simulator.chip import Chip
from terminals.simulator.psam import Psam

CHIPS: Final = settings.STATE_DIR / "chips"
DEVICES: Final = settings.STATE_DIR / "devices"
CENTRE_KEY: Final = "centre.key"
"""File beside a terminal's own key: the centre's raw public key as installed, in hex."""
DEFAULT_URL: Final = "http://127.0.0.1:8000"


def add_centre_arguments(parser: ArgumentParser) -> None:
    """--url and --key, shared by the commands that talk to the centre as a terminal."""
    parser.add_argument("--url", default=DEFAULT_URL, help="the centre (default %(default)s)")
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="the terminal's Ed25519 private key, PEM (default: the demo's, under var/devices)",
    )


def terminal_key(code: str, file: Path | None) -> Ed25519PrivateKey:
    """The signing key of a terminal."""
    place = file or DEVICES / code / "key.pem"
    try:
        return read_key(place)
    except ConfigError as error:
        raise CommandError(f"No key for {code}, name it with --key: {error.rule}.") from error


def terminal_news(code: str, key_file: Path | None, state: Path) -> News:
    """The centre's signed documents as a terminal keeps them in `state`, by the centre's key that its enrolment answered."""
    place = (key_file or DEVICES / code / "key.pem").with_name(CENTRE_KEY)
    try:
        return News.open(state, bytes.fromhex(place.read_text()))
    except (OSError, ValueError) as error:
        raise CommandError(f"{place} holds no key of the centre: enrol {code} with --enrol.") from error


@contextlib.contextmanager
def card_transport(reader: str | None, directory: str | None) -> Iterator[Transport]:
    """A card in a PC/SC reader, or the simulated card kept in a folder or under its number in var/chips."""
    with _transport(reader, directory, Chip.open) as transport:
        yield transport


@contextlib.contextmanager
def sam_transport(reader: str | None, directory: str | None) -> Iterator[Transport]:
    """A SAM, found in the same ways."""
    with _transport(reader, directory, Psam.open) as transport:
        yield transport


@contextlib.contextmanager
def _transport(
    reader: str | None, directory: str | None, open_chip: Callable[[Path], SimulatedChip]
) -> Iterator[Transport]:
    try:
        chosen: Transport = (
            PcscTransport(reader or "")
            if directory is None
            else MemoryTransport(_simulated(directory, open_chip))
        )
    except CardError as error:
        raise CommandError(sentence(error)) from error
    with contextlib.closing(chosen):
        yield chosen


def _simulated(directory: str, open_chip: Callable[[Path], SimulatedChip]) -> SimulatedChip:
    place = next((folder for folder in (Path(directory), CHIPS / directory) if folder.is_dir()), None)
    try:
        if place is not None:
            return open_chip(place)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{place} holds no simulated chip of this kind.") from error
    raise CommandError(f"There is no simulated chip {directory}, neither here nor in {CHIPS}.")


def sentence(error: Exception) -> str:
    """An error's text as one sentence."""
    text = str(error).strip() or type(error).__name__
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?", "。")) else ".")
