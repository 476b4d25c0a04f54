"""Bodies reach the services as the bytes that were signed; the wire format is parsed there, strictly and in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, ClassVar

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, JSONParser

from terminals.api.authentication import BodyTooLarge
from terminals.wire.batch import MEDIA_TYPE as NDJSON
from terminals.wire.content import GZIP, inflate
from terminals.wire.errors import ContentError
from terminals.wire.txn import MEDIA_TYPE as TXN


class ContentEncoding(APIException):
    """The body is not in an encoding that is taken here, or not in the one it says."""

    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_code = "content_encoding"


class RecordParser(BaseParser):
    """One tap record, sent as it is."""

    media_type = "application/json"
    encodings: ClassVar[tuple[str, ...]] = ("identity",)

    def parse(  # type: ignore[override]  # the stubs know dictionaries only
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The body, inflated and unparsed."""
        context = parser_context or {}
        encoding = context["request"].headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in self.encodings:
            raise ContentEncoding(f"a body is sent as {' or '.join(self.encodings)} here")
        body = stream.read()
        return body if encoding == "identity" else _inflated(body, context["view"].body_limit)


class BatchParser(RecordParser):
    """A batch of tap records, one JSON object a line."""

    media_type = NDJSON
    encodings = ("identity", GZIP)


class TxnParser(BatchParser):
    """A batch in fixed columns."""

    media_type = TXN


class SmallJson(JSONParser):
    """A JSON document as such; one that is nested too deep to be read is a problem like any other bad one."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The document. Raises ParseError."""
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("nested too deep") from error


def _inflated(body: bytes, limit: int) -> bytes:
    try:
        return inflate(body, limit)
    except ContentError as error:
        raise (BodyTooLarge if error.code == "too_large" else ContentEncoding)(str(error)) from error
