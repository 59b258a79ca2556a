"""A view as an application has it: it stores what came, in its own request's connection."""

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

import knocker
from conftest import OPTIONS, TOKEN


def hook(request: HttpRequest) -> HttpResponse:
    inbox = knocker.attach(connection)
    orders = inbox.endpoint("shop", provider="token-header", secrets=TOKEN, provider_options=OPTIONS)
    result = orders.receive(request.body, request.headers, request.GET, method=request.method or "POST")
    answer = result.response
    return HttpResponse(
        answer.content, status=answer.status_code, headers={**answer.headers, "durable": str(result.durable)}
    )


@transaction.atomic
def undone(request: HttpRequest) -> HttpResponse:
    answer = hook(request)
    transaction.set_rollback(True)
    return answer


urlpatterns = [path("hook", hook), path("undone", undone)]
