"""What the published OpenAPI description says of bodies and answers. Documentation only: the services check."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, extend_schema_field
from rest_framework import serializers as s

from citizencard.core.problems import MEDIA_TYPE
from terminals.wire.trip import MAX_TRIP

RESULTS = ["accepted", "suspended", "duplicate", "rejected"]


class TapRecord(s.Serializer[Any]):
    """One finished purchase, as the terminal's journal has it."""

    terminal_no = s.RegexField(r"^[0-9A-F]{12}$", help_text="Terminal number of the SAM")
    terminal_seq = s.IntegerField(min_value=0, max_value=0xFFFF_FFFF, help_text="Sequence number of the SAM")
    card_no = s.RegexField(r"^[0-9]{16}(?:[0-9]{3})?$")
    atc = s.IntegerField(min_value=0, max_value=0xFFFF, help_text="Offline counter before the purchase")
    type = s.ChoiceField([6, 9], help_text="6 purchase, 9 compound purchase")
    amount_fen = s.IntegerField(min_value=0)
    balance_fen = s.IntegerField(help_text="Chip balance after the purchase")
    occurred_at = s.DateTimeField(help_text="The terminal's clock, with offset, whole seconds")
    tac = s.RegexField(r"^[0-9A-F]{8}$")
    key_version = s.IntegerField(min_value=0, max_value=255)
    place = s.CharField(required=False, allow_blank=True, max_length=40, help_text="Station, or entry→exit")
    trip = s.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_TRIP,
        help_text="What a fare needs: docs/terminal-api.md",
    )


class Reason(s.Serializer[Any]):
    """Why, in words for the display."""

    code = s.CharField()
    zh = s.CharField()
    en = s.CharField()


class TapAnswer(s.Serializer[Any]):
    """What became of an online purchase."""

    result = s.ChoiceField(RESULTS)
    fare_fen = s.IntegerField()
    balance_fen = s.IntegerField()
    reason = Reason()
    business_date = s.DateField()
    card_no = s.CharField()
    atc = s.IntegerField()
    terminal_no = s.CharField()
    terminal_seq = s.IntegerField()


@extend_schema_field({"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/Reason"}]})
class Why(s.JSONField):
    """Of a record: a reason from the table. Of a field: the rule that it breaks, in words."""


class Problem(s.Serializer[Any]):
    """Problem details (RFC 9457); further members name field, record and rule."""

    type = s.CharField()
    code = s.CharField()
    status = s.IntegerField()
    detail = s.CharField()
    title = s.CharField(required=False)
    rule = s.CharField(required=False)
    field = s.CharField(required=False)
    line = s.IntegerField(required=False, help_text="Line of the batch, counted from 1 with the header")
    result = s.ChoiceField(RESULTS, required=False)
    reason = Why(required=False)
    card_no = s.CharField(required=False)
    atc = s.IntegerField(required=False)
    terminal_no = s.CharField(required=False)
    terminal_seq = s.IntegerField(required=False)


class RefusedTap(Problem):
    """A rejected online purchase: a problem with all the fields of an answer."""

    fare_fen = s.IntegerField(allow_null=True)
    balance_fen = s.IntegerField(allow_null=True)
    business_date = s.DateField()


class RefusedBatch(Problem):
    """A batch refused as a whole; nothing of it was posted."""

    batch_no = s.CharField(allow_null=True)
    records = s.IntegerField()
    total_fen = s.IntegerField()


class BatchAnswer(s.Serializer[Any]):
    """Counts that add up to `records`, and a problem for every record that was not simply accepted."""

    batch_no = s.CharField()
    business_date = s.DateField()
    records = s.IntegerField()
    total_fen = s.IntegerField()
    accepted = s.IntegerField()
    accepted_fen = s.IntegerField()
    suspended = s.IntegerField()
    duplicate = s.IntegerField()
    rejected = s.IntegerField()
    problems = Problem(many=True)


class GreysAnswer(s.Serializer[Any]):
    """All lines are kept."""

    received = s.IntegerField()


class RideResult(s.Serializer[Any]):
    """What became of one ride."""

    line = s.IntegerField()
    result = s.ChoiceField(RESULTS)
    reason = Reason()


class RidesAnswer(s.Serializer[Any]):
    """One result for each line, in their order."""

    received = s.IntegerField()
    rides = RideResult(many=True)


class TerminalAnswer(s.Serializer[Any]):
    """Who the terminal is."""

    code = s.CharField()
    terminal_no = s.CharField()
    state = s.ChoiceField(["active", "suspended"], help_text="A suspended terminal takes no cards")
    place = s.CharField()
    merchant = s.CharField()
    channel = s.CharField()
    clock = s.DateTimeField()
    hot_list_version = s.IntegerField()


def problem_response(description: str, kind: type[Problem] = Problem) -> OpenApiResponse:
    """A problem-details answer for the description."""
    return OpenApiResponse(kind, description)


def responses(*statuses: int, **own: Any) -> dict[Any, Any]:
    """The problems every address may answer, and those of `statuses`; keys are (status, media type)."""
    problems = {
        401: "The request does not prove a terminal",
        403: "Not allowed",
        406: "No such representation",
    }
    further = {
        400: "Not JSON, or a field breaks its rule: `errors` names it",
        404: "There is none",
        422: "A field breaks its rule: `field` and `reason` name both",
        409: "The number was used for other content; nothing was posted",
        413: "The body is too large",
        415: "Wrong content type",
        429: "Too often; `seconds` says how long to wait",
        503: "Nothing was changed; repeat later",
    }
    told = problems | {status: further[status] for status in statuses}
    return {(status, MEDIA_TYPE): problem_response(text) for status, text in told.items()}


class TerminalSignatureScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # library
    """How the description names the signature."""

    target_class = "terminals.api.authentication.TerminalSignature"
    name = "terminalSignature"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """As OpenAPI can express it."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Signature",
            "description": "HTTP message signature (RFC 9421), Ed25519, over @method, @authority, @path and "
            "content-digest (RFC 9530); keyid is the terminal's code.",
        }
