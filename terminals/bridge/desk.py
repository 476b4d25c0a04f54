"""What the server may do with this PC's readers: open one, send APDUs, reset, let go. Nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from terminals.bridge.errors import GarbledMessage
from terminals.bridge.faults import name_of
from terminals.bridge.messages import APDU_BYTES, NAME_MAX, SENTENCE_MAX, WAIT_MS_MAX, Message
from terminals.bridge.sources import ReaderSource
from terminals.card.errors import TransportError
from terminals.card.transport import Transport


class Desk:
    """Carries out one request after another on one open reader; `say` tells the person at the PC what is done."""

    def __init__(self, source: ReaderSource, say: Callable[[str], None]) -> None:
        self._source, self._say = source, say
        self._transport: Transport | None = None
        self._apdus = 0

    def answer(self, request: Message) -> dict[str, Any]:
        """The fields of the answer; what the reader or the card refuses is an answer too. GarbledMessage."""
        actions = {
            "open": self._open_for,
            "transmit": self._transmit,
            "reset": self._reset,
            "close": self._close,
        }
        action = actions.get(request.text("do", 20))
        if action is None:
            raise GarbledMessage("do is open, transmit, reset or close")
        try:
            return action(request)
        except TransportError as error:
            self._say(f"failed: {error}")
            return {"error": name_of(error), "message": " ".join(str(error).split())[:SENTENCE_MAX]}

    def close(self) -> None:
        """Let the card go; it is reset."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
            self._say(f"finished after {self._apdus} commands")

    def _open_for(self, request: Message) -> dict[str, Any]:
        self.close()
        wanted = request.text("reader", NAME_MAX)
        wait_seconds = request.integer("wait_ms", 0, WAIT_MS_MAX) / 1000
        who, purpose = request.text("actor"), request.text("purpose")
        name, self._transport = self._source.open(wanted, wait_seconds)
        self._apdus = 0
        self._say(f"{who} uses {name}: {purpose}")
        return {"reader": name}

    def _transmit(self, request: Message) -> dict[str, Any]:
        apdu = request.octets("apdu", APDU_BYTES[0], APDU_BYTES[-1])
        self._apdus += 1
        data, sw = self._opened().transmit(apdu)
        return {"data": data.hex(), "sw": sw}

    def _reset(self, request: Message) -> dict[str, Any]:
        return {"atr": self._opened().reset().hex()}

    def _close(self, request: Message) -> dict[str, Any]:
        self.close()
        return {}

    def _opened(self) -> Transport:
        if self._transport is None:
            raise TransportError("no reader is open")
        return self._transport
