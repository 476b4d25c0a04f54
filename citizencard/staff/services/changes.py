"""Accounts of staff: one administrator proposes, somebody else approves, and neither of the two is whom it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from citizencard.core import two_people
from citizencard.core.audit import record_audit
from citizencard.core.errors import InvalidField
from citizencard.core.states import lock_row
from citizencard.office.roles import ADMINISTRATOR, TITLES
from citizencard.staff.errors import AccountState, ChangePending, NotOnesOwn, RolesApart
from citizencard.staff.models import AccountChange, AuthenticatorApp, RecoveryCode, RoleConflict, SecurityKey
from citizencard.staff.services.passwords import give_starting_code
from citizencard.staff.services.sessions import End, end_sessions

Kind = AccountChange.Kind
FOUNDERS_MAX: Final = 2
"""So many administrators can be made without one: those who then make everybody else."""


def propose_change(
    *, kind: str, username: str, maker: str, reason: str, name: str = "", roles: Sequence[str] = ()
) -> AccountChange:
    """Ask for a change of the account `username`; `roles` for new accounts and other roles. Audited.

    Raises InvalidField, NotOnesOwn, AccountState, RolesApart, ChangePending.
    """
    if not reason.strip():
        raise InvalidField("reason", _("say why"))
    if maker == username:
        raise NotOnesOwn
    wanted = _checked_roles(roles) if kind in (Kind.HIRE, Kind.ROLES) else []
    try:
        with transaction.atomic():
            _account_for(kind, username)
            change = AccountChange.objects.create(
                kind=kind,
                username=username,
                name=name.strip(),
                roles=wanted,
                reason=reason.strip(),
                maker=maker,
            )
            _audit(change, "staff.account.propose", maker)
    except IntegrityError as error:
        raise ChangePending(username=username) from error
    return change


@transaction.atomic
def approve_change(*, change: AccountChange, checker: str) -> tuple[AccountChange, str]:
    """A second person agrees, and it is done; the starting code is told this once, or is empty. Audited.

    Raises NotOnesOwn, MakerIsChecker, AlreadyDecided, AccountState, RolesApart.
    """
    change = lock_row(change)
    if checker == change.username:
        raise NotOnesOwn
    two_people.approve(change, checker=checker)
    code = _DO[Kind(change.kind)](change)
    _audit(change, f"staff.account.{change.kind}", checker)
    return change, code


@transaction.atomic
def refuse_change(*, change: AccountChange, checker: str, reason: str) -> AccountChange:
    """A second person does not agree. Audited. Raises NotOnesOwn, MakerIsChecker, AlreadyDecided."""
    change = lock_row(change)
    if checker == change.username:
        raise NotOnesOwn
    two_people.refuse(change, checker=checker, answer=reason)
    _audit(change, "staff.account.refuse", checker)
    return change


@transaction.atomic
def found_administrator(*, username: str, name: str) -> str:
    """One of the first administrators, made where the program runs: their starting code. Audited.

    Raises InvalidField, AccountState for a name that is taken, and once there are enough to make others.
    """
    Group.objects.select_for_update().get(name=ADMINISTRATOR)  # two at once are counted one after the other
    if User.objects.filter(groups__name=ADMINISTRATOR, is_active=True).count() >= FOUNDERS_MAX:
        raise AccountState(username=username)
    _account_for(Kind.HIRE, username)
    user = make_account(username=username, name=name, roles=[ADMINISTRATOR])
    record_audit(actor="console", action="staff.account.found", subject=f"user:{username}"[:100])
    return give_starting_code(user=user)


def make_account(*, username: str, name: str, roles: Iterable[str]) -> User:
    """A login for staff with no password yet; the caller's transaction and audit entry are around it."""
    user = User(username=username, first_name=name, is_staff=True)
    user.set_unusable_password()
    user.save()
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def _hire(change: AccountChange) -> str:
    _account_for(change.kind, change.username)  # somebody may have taken the name meanwhile
    user = make_account(username=change.username, name=change.name, roles=_checked_roles(change.roles))
    return give_starting_code(user=user)


def _give_roles(change: AccountChange) -> str:
    user = _existing(change)
    user.groups.set(Group.objects.filter(name__in=_checked_roles(change.roles)))
    end_sessions(user=user, because=End.CHANGED)
    return ""


def _deactivate(change: AccountChange) -> str:
    user = _existing(change)
    user.is_active = False
    user.save(update_fields=["is_active"])
    end_sessions(user=user, because=End.CHANGED)
    return ""


def _reinstate(change: AccountChange) -> str:
    user = _existing(change)
    user.is_active = True
    user.save(update_fields=["is_active"])
    return _start_anew(user)


def _reset(change: AccountChange) -> str:
    return _start_anew(_existing(change))


def _start_anew(user: User) -> str:
    """Whatever opened the account opens it no more; a code does, and a second factor is set up with it."""
    for model in (AuthenticatorApp, SecurityKey, RecoveryCode):
        model._default_manager.filter(user=user).delete()
    end_sessions(user=user, because=End.CHANGED)
    return give_starting_code(user=user)


_DO: Final[dict[Kind, Callable[[AccountChange], str]]] = {
    Kind.HIRE: _hire,
    Kind.ROLES: _give_roles,
    Kind.DEACTIVATE: _deactivate,
    Kind.REINSTATE: _reinstate,
    Kind.RESET: _reset,
}


def _existing(change: AccountChange) -> User:
    user = _account_for(change.kind, change.username)
    if user is None:
        raise AccountState(username=change.username)
    return user


def _account_for(kind: str, username: str) -> User | None:
    """The account, locked, in the state that the change begins with; None where it is to be a new one."""
    user = User.objects.select_for_update().filter(username=username).first()
    if kind == Kind.HIRE:
        if user is not None:
            raise AccountState(username=username)
        try:
            User.username_validator(username)
        except ValidationError as error:
            raise InvalidField("username", " ".join(error.messages)) from error
        return None
    active = kind != Kind.REINSTATE
    if user is None or not user.is_staff or user.is_active is not active:
        raise AccountState(username=username)
    if kind == Kind.ROLES and user.is_superuser:
        raise AccountState(username=username)
    return user


def _checked_roles(roles: Iterable[str]) -> list[str]:
    """The roles in order. Raises InvalidField for none or an unknown one, RolesApart."""
    wanted = sorted(set(roles))
    if not wanted or not set(wanted) <= set(TITLES):
        raise InvalidField("roles", _("at least one role of the list"))
    if conflict := RoleConflict.objects.filter(one__in=wanted, other__in=wanted).first():
        raise RolesApart(roles=f"{TITLES[conflict.one]}、{TITLES[conflict.other]}")
    return wanted


def _audit(change: AccountChange, action: str, actor: str) -> None:
    record_audit(
        actor=actor,
        action=action,
        subject=f"user:{change.username}"[:100],
        detail={"change": change.pk, "kind": change.kind, "roles": change.roles, "reason": change.reason},
    )
