"""A small service with a login: passwords are checked, a JWT is given out, and every check is on the bus.

Where the events go is said by the environment: VERIBUS_COLLECTOR and VERIBUS_TOKEN_FILE. Without them they go into an
audit trail in ./veribus-audit. See README.md.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import os
from typing import Annotated

import jwt
import veribus
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from veribus import trace
from veribus.integrations.fastapi import VeribusMiddleware

SECRET = os.environ.get("APP_SECRET") or os.urandom(32).hex()
SALT = os.urandom(16)
ACCOUNTS = {"alice": {"orders:read", "orders:delete"}, "bob": {"orders:read"}}

bus = veribus.init(service=os.environ.get("VERIBUS_SERVICE", "orders"))
app = FastAPI(title="orders")
app.add_middleware(VeribusMiddleware)  # trace and peer for everything inside; 401, 403 and 429 are events


def hashed(password: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), SALT, 10_000)


PASSWORDS = {name: hashed(f"{name}-password") for name in ACCOUNTS}


class Login(BaseModel):
    user: str
    password: str


@app.post("/login")
def login(form: Login) -> dict[str, str]:
    with bus.verify("login", actor=form.user[:64], method="password") as check:
        known = PASSWORDS.get(form.user)
        if known is None:
            check.fail("unknown_user")
        elif not hmac.compare_digest(known, hashed(form.password)):
            check.fail("bad_password")
    if check.outcome != "success":
        raise HTTPException(401, "wrong user or password")
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=15)
    return {"token": jwt.encode({"sub": form.user, "exp": expires}, SECRET, "HS256")}


@veribus.verified("jwt.signature", method="jwt", credential="hs256")
def decode(token: str) -> str:
    """Who this token is for. Whatever is wrong with it is recorded by name: `ExpiredSignatureError` …"""
    return str(jwt.decode(token, SECRET, ["HS256"], options={"require": ["exp", "sub"]})["sub"])


def user(bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    try:
        name = decode(bearer.credentials)
    except jwt.InvalidTokenError:
        raise HTTPException(401, "bad token") from None
    if (request := trace.context()) is not None:
        request.actor = name  # from here on every event of this request has it
    return name


@app.delete("/orders/{order}")
def delete(order: int, name: Annotated[str, Depends(user)]) -> dict[str, int]:
    with bus.verify("orders.delete", kind="authorization", permission="orders:delete", target=f"orders/{order}") as check:
        if "orders:delete" not in ACCOUNTS[name]:
            check.fail("no_permission")
    if check.outcome != "success":
        raise HTTPException(403, "not yours to delete")
    return {"deleted": order}
