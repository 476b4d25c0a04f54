"""What the public fare addresses answer, for the API's description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s


class FareDocumentEntry(s.Serializer[Any]):
    """A published document, the digest of its canonical bytes, and where those are."""

    document = s.JSONField(help_text="as published; docs/fares.md has the form")
    sha256 = s.CharField(help_text="of the canonical bytes: UTF-8 JSON, sorted keys, no blanks")
    href = s.CharField()


class FareDocuments(s.Serializer[Any]):
    """The documents of a day, or all of them."""

    date = s.DateField(allow_null=True)
    documents = FareDocumentEntry(many=True)


class FareSentence(s.Serializer[Any]):
    """A step of a derivation in words; the last is the sum."""

    text = s.CharField()
    amount_fen = s.IntegerField()


class FareExplanation(s.Serializer[Any]):
    """The same in each language."""

    locals()["zh-Hans"] = FareSentence(many=True)
    locals()["zh-Hant"] = FareSentence(many=True)
    en = FareSentence(many=True)


class FareQuote(s.Serializer[Any]):
    """What a ride costs, why, and everything needed to work it out again."""

    amount_fen = s.IntegerField()
    full_fen = s.IntegerField()
    explanation = FareExplanation()
    derivation = s.JSONField(help_text="inputs, documents with digests, alternatives, steps, shares")
    sha256 = s.CharField(help_text="of the derivation's canonical bytes")
