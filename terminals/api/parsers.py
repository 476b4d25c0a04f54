"""Bodies reach the services as the bytes that were signed; the wire format is parsed there, strictly and in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

from terminals.wire.batch import MEDIA_TYPE


class RecordParser(BaseParser):
    """One tap record."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # the stubs know dictionaries only
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The body, unparsed."""
        return stream.read()


class BatchParser(RecordParser):
    """A batch of tap records."""

    media_type = MEDIA_TYPE


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
