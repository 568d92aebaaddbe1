"""In the middle: the API key of whoever calls, and whose account is to pay. Then on to the ledger."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from typing import Annotated

import httpx
import veribus
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from veribus import trace
from veribus.integrations.fastapi import VeribusMiddleware

API_KEY_SHA256 = bytes.fromhex(os.environ["API_KEY_SHA256"])  # who knows this does not know the key
ACCOUNTS = {"alice-1": "alice", "bob-1": "bob", "carol-1": "carol", "dave-1": "dave"}

bus = veribus.init(service="orders")  # VERIBUS_URL says where events go, VERIBUS_SPOOL where they wait
app = FastAPI(title="orders")
app.add_middleware(VeribusMiddleware)  # each request in its trace, with its address
ledger = httpx.AsyncClient(base_url=os.environ["LEDGER"])


def caller(x_api_key: Annotated[str, Header()] = "") -> None:
    with bus.verify("api_key", actor="web") as check:
        if not hmac.compare_digest(hashlib.sha256(x_api_key.encode()).digest(), API_KEY_SHA256):
            check.fail("unknown_key")
    if check.outcome != "success":
        raise HTTPException(401, "unknown key")


@app.post("/orders", dependencies=[Depends(caller)])
async def order(request: Request, x_customer: Annotated[str, Header()], x_signature: Annotated[str, Header()]) -> Response:
    if (this := trace.context()) is not None:
        this.actor = x_customer  # from here on every event of this request has it
    body = await request.body()
    try:
        account = str(json.loads(body)["account"])[:64]
    except (ValueError, TypeError, KeyError):
        raise HTTPException(422, "an order names its account") from None
    with bus.verify("account.use", kind="authorization", target=account) as check:
        if ACCOUNTS.get(account) != x_customer:
            check.fail("not_the_owner")
    if check.outcome != "success":
        raise HTTPException(403, "not your account")
    answer = await ledger.post("/entries", content=body, headers=trace.inject({"x-customer": x_customer, "x-signature": x_signature}))
    return Response(answer.content, answer.status_code)
