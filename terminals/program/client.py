"""The terminal's way to the centre: the REST API, every request signed (see docs/terminal-api.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from urllib3.exceptions import ProtocolError

from terminals.program.errors import CentreRefused, CentreUnavailable
from terminals.wire.batch import MEDIA_TYPE, build_batch
from terminals.wire.enrolment import ENROLMENT, plain_code, prove_possession
from terminals.wire.grey import GreyRecord, build_greys
from terminals.wire.record import TapRecord
from terminals.wire.rides import RideRecord, build_rides
from terminals.wire.signature import sign_request

TIMEOUT_S: Final = 10
UPLOAD_TIMEOUT_S: Final = 120


class CentreClient:
    """One terminal's connection to the centre at `base_url` (`http://host:port`)."""

    def __init__(
        self,
        base_url: str,
        terminal_code: str,
        key: Ed25519PrivateKey,
        session: requests.Session | None = None,
    ) -> None:
        """Nothing is sent yet. A proxy from the environment is not used: a terminal's line is its own."""
        self._base_url = f"{base_url.rstrip('/')}/api/v1"
        self._code = terminal_code
        self._key = key
        self._session = session or requests.Session()
        self._session.trust_env = False

    def enrol(self, *, one_time_code: str, terminal_no: str) -> dict[str, Any]:
        """Make this terminal's key known by a code from the office; who the terminal is. The code is all that proves it.

        `terminal_no` is the SAM's, 12 hexadecimal digits. The same again is no change. Raises CentreUnavailable,
        CentreRefused.
        """
        proof = prove_possession(
            purpose=ENROLMENT, code=plain_code(one_time_code), terminal_no=terminal_no, key=self._key
        )
        public_key = self._key.public_key().public_bytes_raw().hex()
        content = {
            "code": one_time_code, "terminal_no": terminal_no, "public_key": public_key, "proof": proof,
        }  # fmt: skip
        try:
            answer = self._session.post(f"{self._base_url}/enrolments", json=content, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise CentreUnavailable(f"the centre does not answer: {type(error).__name__}") from error
        return self._judged(answer, "terminal_no")

    def post_tap(self, record: TapRecord) -> dict[str, Any]:
        """Report a purchase online; the answer, also when it is a rejection. Raises CentreUnavailable, CentreRefused."""
        answer = self._send("POST", "/taps", record.to_json().encode(), "application/json")
        return self._judged(answer, "result")

    def post_batch(self, batch_no: str, records: Iterable[TapRecord]) -> dict[str, Any]:
        """Upload a batch; the counts and problems. Raises CentreUnavailable, CentreRefused."""
        return self.post_body(build_batch(batch_no, records))

    def post_body(self, body: bytes) -> dict[str, Any]:
        """Upload a batch as it stands. Raises as `post_batch`."""
        return self._judged(self._send("POST", "/batches", body, MEDIA_TYPE), "accepted")

    def post_greys(self, greys: Iterable[GreyRecord]) -> dict[str, Any]:
        """Report purchases without proof (see `wire.grey`). Raises as `post_batch`."""
        return self._judged(self._send("POST", "/greys", build_greys(greys), MEDIA_TYPE), "received")

    def post_total(self, total: Mapping[str, Any]) -> dict[str, Any]:
        """Tell what the journal holds of a window of sequences. Raises as `post_batch`."""
        return self._judged(self._post("/totals", dict(total)), "seen")

    def post_rides(self, rides: Iterable[RideRecord]) -> dict[str, Any]:
        """Report rides paid by ride code (see `wire.rides`); a result for each. Raises as `post_batch`."""
        return self._judged(self._send("POST", "/rides", build_rides(rides), MEDIA_TYPE), "received")

    def reverse(self, record: TapRecord, *, when: datetime) -> dict[str, Any]:
        """Have a sale of the day cancelled. Raises as `post_batch`."""
        return self._taken_back("/reversals", record, record.amount_fen, when)

    def refund(self, record: TapRecord, amount_fen: int, *, number: int, when: datetime) -> dict[str, Any]:
        """Have a part of a sale, or all of it, given back; `number` is this terminal's own. Raises as `post_batch`."""
        return self._taken_back("/refunds", record, amount_fen, when, number=number)

    def _taken_back(
        self, path: str, record: TapRecord, amount_fen: int, when: datetime, **more: int
    ) -> dict[str, Any]:
        asked = {
            "terminal_no": record.terminal_no, "terminal_seq": record.terminal_seq, "card_no": record.card_no,
            "amount_fen": amount_fen, "occurred_at": when.isoformat(timespec="seconds"), **more,
        }  # fmt: skip
        return self._judged(self._post(path, asked), "result")

    def inquire(self, chip: dict[str, Any], amount_fen: int) -> dict[str, Any]:
        """What is known of the card whose answer to INITIALIZE FOR LOAD over an amount this is. Raises as `post_batch`."""
        return self._judged(self._post("/inquiries", {**chip, "amount_fen": amount_fen}), "waiting")

    def begin_load(self, chip: dict[str, Any], order: str) -> dict[str, Any]:
        """`mac2` and `when` for CREDIT FOR LOAD of a waiting order. Raises as `post_batch`."""
        return self._judged(self._post("/loads", {**chip, "order": order}), "mac2")

    def confirm_load(self, card_no: str, order: str, tac: str | None) -> dict[str, Any]:
        """Hand in the chip's TAC; None: it gave no answer. Raises as `post_batch`."""
        body = {"card_no": card_no, "tac": tac}
        return self._judged(self._post(f"/loads/{order}/confirmation", body), "order")

    def standing(self) -> dict[str, Any]:
        """Who the terminal is by the centre's word, its state and the time. Raises CentreUnavailable, CentreRefused."""
        return self._judged(self._send("GET", "/terminal"), "state")

    def heartbeat(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Tell how the terminal is; clock, drift, state and newest hot list version come back."""
        return self._judged(self._post("/heartbeats", dict(told)), "state")

    def post_events(self, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Tell what happened besides purchases, at most 100 at once."""
        return self._judged(self._post("/events", {"events": list(events)}), "events")

    def document(self, kind: str, since: int) -> bytes | None:
        """A signed document (see `wire.lists`) newer than version `since`; None when there is none.

        `GET /api/v1/documents/<kind>/<since>` answers the whole document or a difference from `since`, or 204. A centre that
        does not know the address has none either.
        """
        response = self._send("GET", f"/documents/{kind}/{since}")
        nothing = (requests.codes.no_content, requests.codes.not_found)
        return None if response.status_code in nothing else self._document(response)

    def time(self, nonce: str) -> bytes:
        """The centre's signed time, with the nonce in it. Raises CentreUnavailable, CentreRefused."""
        return self._document(self._send("GET", f"/time/{nonce}"))

    def _document(self, response: requests.Response) -> bytes:
        if response.status_code != requests.codes.ok:
            self._judged(response, "")
            raise CentreUnavailable("the centre's answer is no document")
        return response.content

    def _post(self, path: str, content: dict[str, Any]) -> requests.Response:
        return self._send("POST", path, json.dumps(content).encode(), "application/json")

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "",
    ) -> requests.Response:
        headers = {"Content-Type": content_type} if body is not None else {}
        request = requests.Request(method, self._base_url + path, headers=headers, data=body)
        prepared = self._session.prepare_request(request)
        sign_request(prepared, terminal_code=self._code, key=self._key)
        timeout = UPLOAD_TIMEOUT_S if body else TIMEOUT_S
        try:
            try:
                return self._session.send(prepared, timeout=timeout)
            except requests.ConnectionError as error:
                # The centre had closed the connection that was kept open; to repeat a request is always safe here.
                if not isinstance(error.args[0] if error.args else None, ProtocolError):
                    raise
                return self._session.send(prepared, timeout=timeout)
        except requests.RequestException as error:
            raise CentreUnavailable(f"the centre does not answer: {type(error).__name__}") from error

    def _judged(self, response: requests.Response, expected: str) -> dict[str, Any]:
        """The JSON answer if it holds `expected`; a 5xx or something that is no answer is CentreUnavailable."""
        try:
            content = response.json()
        except requests.JSONDecodeError:
            content = None
        if isinstance(content, dict) and expected in content:
            return content
        if response.status_code >= 500 or not isinstance(content, dict):
            raise CentreUnavailable(f"the centre answers {response.status_code}")
        raise CentreRefused(content)
