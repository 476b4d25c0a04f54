"""Security keys (WebAuthn level 2). The library checks challenge, origin, RP id and signature; the counter is checked here."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
)

from accounts.models import User
from citizencard.core.audit import record_audit
from citizencard.staff.errors import FactorRefused, NoSecurityKeys, SecurityKeyCopied
from citizencard.staff.models import SecurityKey

_SENSELESS: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError, struct.error)
"""What the library raises for an answer that is none, or a wrong one."""

Options = dict[str, Any]
"""What the browser is asked, as JSON."""
State = dict[str, Any]
"""What the server remembers of that until the answer comes, as JSON."""


def keys_possible() -> bool:
    """Whether browsers would take a key here: the site has a name, not just a number."""
    return _site_name() is not None


def ask_for_new_key(*, user: User) -> tuple[Options, State]:
    """What to ask a browser that shall make a credential. Raises NoSecurityKeys."""
    who = PublicKeyCredentialUserEntity(
        id=str(user.pk).encode(),
        name=user.get_username(),
        display_name=user.get_full_name() or user.get_username(),
    )
    options, state = _server().register_begin(who, _credentials(user))
    return dict(options)["publicKey"], state


def add_key(*, user: User, name: str, state: State, answer: Mapping[str, Any]) -> SecurityKey:
    """Keep the credential that the browser has made. Raises FactorRefused, NoSecurityKeys. Audited."""
    try:
        made = _server().register_complete(state, answer)
    except _SENSELESS as error:
        raise FactorRefused from error
    credential = made.credential_data
    if credential is None:
        raise FactorRefused
    try:
        with transaction.atomic():
            key = SecurityKey.objects.create(
                user=user,
                name=name,
                credential_id=credential.credential_id,
                credential=bytes(credential),
                sign_count=made.counter,
            )
            _audit(key, "staff.key.add")
    except IntegrityError as error:  # somebody else's, or shown twice
        raise FactorRefused from error
    return key


def ask_for_key(*, user: User) -> tuple[Options, State]:
    """What to ask a browser that shall show one of the user's keys. Raises NoSecurityKeys."""
    options, state = _server().authenticate_begin(_credentials(user))
    return dict(options)["publicKey"], state


def use_key(*, user: User, state: State, answer: Mapping[str, Any]) -> SecurityKey:
    """Accept what a key has signed. Raises FactorRefused, NoSecurityKeys, SecurityKeyCopied (then it is stopped, audited)."""
    try:
        shown = _server().authenticate_complete(state, _credentials(user), answer)
        counter = AuthenticationResponse.from_dict(answer).response.authenticator_data.counter
    except _SENSELESS as error:
        raise FactorRefused from error
    keys = SecurityKey.objects.filter(user=user, credential_id=shown.credential_id, stopped_at=None)
    in_order = Q(sign_count__lt=counter) if counter else Q(sign_count=0)
    if not keys.filter(in_order).update(sign_count=counter, last_used_at=timezone.now()):
        raise _stop(keys.get())
    return keys.get()


@transaction.atomic
def _stop(key: SecurityKey) -> SecurityKeyCopied:
    key.stopped_at = timezone.now()
    key.save(update_fields=["stopped_at"])
    _audit(key, "staff.key.copied")
    return SecurityKeyCopied(name=key.name)


def _audit(key: SecurityKey, action: str) -> None:
    record_audit(
        actor=key.user.get_username(),
        action=action,
        subject=f"user:{key.user_id}",
        detail={"key": key.pk, "name": key.name},
    )


def _credentials(user: User) -> list[AttestedCredentialData]:
    kept = SecurityKey.objects.filter(user=user, stopped_at=None).values_list("credential", flat=True)
    return [AttestedCredentialData(bytes(each)) for each in kept]


def _server() -> Fido2Server:
    name = _site_name()
    if name is None:
        raise NoSecurityKeys
    site = urlsplit(settings.PORTAL_URL)
    origin = f"{site.scheme}://{site.netloc}"
    party = PublicKeyCredentialRpEntity(name="citizencard", id=name)
    return Fido2Server(party, verify_origin=lambda shown: shown == origin)


def _site_name() -> str | None:
    """The RP id: the host of PORTAL_URL, unless it is an address."""
    host: str | None = urlsplit(settings.PORTAL_URL).hostname
    try:
        ip_address(host or "")
    except ValueError:
        return host
    return None
