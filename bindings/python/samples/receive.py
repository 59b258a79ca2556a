"""Receive webhooks with FastAPI: ``uvicorn receive:app`` (needs fastapi and uvicorn).

The route passes on what it got and answers what the inbox says. It accepts GET
and HEAD too, because some providers ask with these whether the URL is yours.
"""

import os
from contextlib import asynccontextmanager
from typing import AsyncIterator

from fastapi import FastAPI, Request, Response

import knocker

webhooks = knocker.open(os.environ.get("DATABASE", "app.db"))
orders = webhooks.endpoint(
    "orders",
    provider="stripe",
    secrets=os.environ["STRIPE_WEBHOOK_SECRET"],
    unhandled="ignore",
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the inbox with the application."""
    yield
    await webhooks.aclose()


app = FastAPI(lifespan=lifespan)


@app.api_route("/webhooks/orders", methods=["GET", "HEAD", "POST"])
async def receive(request: Request) -> Response:
    """Store the request, then answer."""
    try:
        result = await orders.areceive(
            body=await request.body(),
            headers=request.headers,
            query=request.query_params,
            method=request.method,
        )
    except knocker.KnockerError as error:
        return Response(status_code=error.http_status)
    response = result.response
    return Response(response.content, response.status_code, response.headers)
