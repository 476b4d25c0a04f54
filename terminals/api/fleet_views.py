"""Terminals about themselves: enrolment, the next key, heartbeats, events, the totals of their journals."""

from __future__ import annotations

from typing import Any, ClassVar, Final, cast

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from citizencard.core.calendar import shanghai
from citizencard.core.problems import MEDIA_TYPE as PROBLEM
from terminals.api import fleet_schema, schema
from terminals.api.answers import json_response
from terminals.api.authentication import TerminalPrincipal, check_size
from terminals.api.parsers import SmallJson
from terminals.api.views import TerminalView
from terminals.selectors.hotlist import hot_list_version
from terminals.services.enrolment import enrol_terminal
from terminals.services.fleet import Event, Told, take_events, take_heartbeat
from terminals.services.keys import rotate_key
from terminals.services.publishing import present_key
from terminals.services.totals import Total, take_total

EVENTS_BYTES: Final = 64 * 1024
TOTAL_BYTES: Final = 4 * 1024
_UNPROVED = {(422, PROBLEM): schema.problem_response("The proof does not fit the key")}


class EnrolmentsView(APIView):
    """Where a device becomes a terminal. The code is the only credential."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (SmallJson,)
    body_limit: ClassVar[int] = 1024

    @extend_schema(
        operation_id="enrol",
        auth=[],
        request=fleet_schema.Enrolment,
        responses={
            201: fleet_schema.EnrolmentAnswer,
            **_UNPROVED,
            **schema.responses(400, 409, 413, 415, 503),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Enrol by a one-time code: the device sends the public half of a key it has made, and proves that it holds it."""
        check_size(request)
        centre_key = bytes(present_key(timezone.now()).public_key).hex()
        terminal = enrol_terminal(**read(fleet_schema.Enrolment, request))
        answer = {
            "code": terminal.code,
            "terminal_no": terminal.terminal_no,
            "place": terminal.place,
            "merchant": terminal.merchant.name,
            "channel": terminal.merchant.channel,
            "state": terminal.state,
            "clock": shanghai(timezone.now()).isoformat(timespec="seconds"),
            "centre_key": centre_key,
        }
        return json_response(answer, status=201)


class KeysView(TerminalView):
    """A terminal's keys."""

    parser_classes = (SmallJson,)

    @extend_schema(
        operation_id="rotate_key",
        request=fleet_schema.NextKey,
        responses={201: fleet_schema.KeyAnswer, **_UNPROVED, **schema.responses(400, 409, 413, 415)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Name the next key, signed with the present one. The same again gets the same answer, signed with either."""
        principal = cast(TerminalPrincipal, request.user)
        named = read(fleet_schema.NextKey, request)
        key = rotate_key(terminal=self.terminal, signed_with=principal.key, **named)
        valid_from = shanghai(key.valid_from).isoformat(timespec="seconds")
        return json_response({"public_key": str(key), "valid_from": valid_from}, status=201)


class HeartbeatsView(TerminalView):
    """Signs of life."""

    parser_classes = (SmallJson,)

    @extend_schema(
        operation_id="post_heartbeat",
        request=fleet_schema.HeartbeatBody,
        responses={200: fleet_schema.HeartbeatAnswer, **schema.responses(400, 413, 415)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Tell versions, clock, room and what waits; learn the time, the state and the newest hot list."""
        told = read(fleet_schema.HeartbeatBody, request)
        drift_ms = take_heartbeat(terminal=self.terminal, clock=told.pop("clock"), told=Told(**told))
        answer = {
            "clock": shanghai(timezone.now()).isoformat(timespec="milliseconds"),
            "drift_ms": drift_ms,
            "state": self.terminal.state,
            "hot_list_version": hot_list_version(),
        }
        return json_response(answer)


class EventsView(TerminalView):
    """What happened at a terminal besides purchases."""

    parser_classes = (SmallJson,)
    body_limit = EVENTS_BYTES

    @extend_schema(
        operation_id="post_events",
        request=fleet_schema.EventsBody,
        responses={200: fleet_schema.EventsAnswer, **schema.responses(400, 409, 413, 415)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Tell events of key and SAM, failed debits, tampering, and times out of service. Telling again is no change."""
        told = read(fleet_schema.EventsBody, request)["events"]
        new = take_events(terminal=self.terminal, events=[Event(**event) for event in told])
        return json_response({"events": len(told), "new": new})


class TotalsView(TerminalView):
    """What terminals' journals hold."""

    parser_classes = (SmallJson,)
    body_limit = TOTAL_BYTES

    @extend_schema(
        operation_id="post_total",
        request=fleet_schema.TotalBody,
        responses={
            200: fleet_schema.TotalAnswer,
            (422, PROBLEM): schema.problem_response("The figures contradict one another"),
            **schema.responses(400, 409, 413, 415),
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """The daily settle: tell records and sum of a closed window of sequences. Telling again is no change."""
        told = read(fleet_schema.TotalBody, request)
        terminal_no = told.pop("terminal_no")
        seen = take_total(terminal=self.terminal, terminal_no=terminal_no, total=Total(**told))
        return json_response({"records": told["records"], "seen": seen})


def read(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The checked body. Raises ValidationError, which names each field that breaks its rule."""
    given = kind(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)
