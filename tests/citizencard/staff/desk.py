"""One member of staff before a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyotp
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.citizencard.city import PASSWORD

FACTOR = "/office/account/factor/"
APP = "/office/account/app/"


@dataclass
class Desk:
    """Signs in, types codes, and knows the secret that the app was given."""

    username: str
    client: Client = field(default_factory=Client)
    secret: str = ""
    codes: list[str] = field(default_factory=list)

    @property
    def user(self) -> User:
        return User.objects.get(username=self.username)

    def sign_in(self, password: str = PASSWORD) -> Any:
        """The password; where it leads to, or the page again."""
        form = {"username": self.username, "password": password, "next": "/office/"}
        return self.client.post("/office/login/", form)

    def enrol(self) -> None:
        """Set up the app, and keep the recovery codes that are shown then."""
        page = self.client.get(APP).content.decode()
        (self.secret,) = re.findall(r'"staff-secret">(\w+)<', page)
        shown = self.client.post(APP, {"code": self.code()}).content.decode()
        self.codes = re.findall(r"<li>(\w{4}-\w{4})</li>", shown)

    def code(self, moment: datetime | None = None) -> str:
        """What the app shows now, or at a moment."""
        return pyotp.TOTP(self.secret).at(moment or timezone.now())

    def show(self, code: str, **more: str) -> Any:
        return self.client.post(FACTOR, {"code": code, **more})

    def inside(self) -> bool:
        """Does the office open?"""
        return self.client.get("/office/").status_code == 200
