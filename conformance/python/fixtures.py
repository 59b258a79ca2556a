"""Run the recorded requests and the sequences through the Python binding."""

from __future__ import annotations

import base64
import secrets
from typing import Any, Dict, List, Optional

import binding  # noqa: F401  finds the package
import knocker

# Between neighbouring reasons a case and a verdict may differ: whether a wrong
# signature is also malformed depends on how closely one looks.
PRESENT = {"signature_mismatch", "malformed_header", "bad_credentials"}
ABSENT = {"missing_header", "missing_signature", "missing_timestamp"}


def body_of(request: Dict[str, Any]) -> bytes:
    """Return the raw bytes of a case's body."""
    if request.get("body_base64") is not None:
        return base64.b64decode(request["body_base64"])
    return str(request.get("body") or "").encode("utf-8")


def endpoint_for(
    webhooks: knocker.Knocker, name: str, provider: str, request: Dict[str, Any], valid: bool
) -> knocker.Endpoint:
    """Add the case's endpoint.

    A case may show that an empty secret never matches. The inbox refuses such
    an endpoint, so there a secret that nobody knows takes its place.
    """
    options = dict(request.get("provider_options") or {})
    try:
        return webhooks.endpoint(name, provider=provider, secrets=request.get("secrets"), provider_options=options)
    except knocker.InvalidSecretError:
        if valid:
            raise
        stranger = secrets.token_hex(32)
        return webhooks.endpoint(name, provider=provider, secrets=stranger, provider_options=options)


class Differences(List[str]):
    """What a case expects and did not get."""

    def equal(self, what: str, want: Any, got: Any) -> None:
        """Note a difference."""
        if want != got:
            self.append(f"{what}: expected {want!r}, got {got!r}")


def receive(
    webhooks: knocker.Knocker, name: str, provider: str, request: Dict[str, Any], valid: bool
) -> knocker.Result:
    """Receive one request at its time."""
    webhooks.set_clock(request["now_s"])
    endpoint = endpoint_for(webhooks, name, provider, request, valid)
    return endpoint.receive(
        body_of(request), request.get("headers"), request.get("query"), method=request.get("method")
    )


def run_sequence(webhooks: knocker.Knocker, name: str, provider: str, case: Dict[str, Any]) -> Differences:
    """Receive requests in turn and count what they became."""
    results = [receive(webhooks, name, provider, request, True) for request in case["requests"]]
    differences = Differences()
    differences.equal("status codes", set(), {result.status_code for result in results} - {200, 202, 204})
    differences.equal("deliveries", case["expected"]["deliveries"], len({result.delivery_id for result in results}))
    events = {event_id for result in results for event_id in result.event_ids}
    differences.equal("events", case["expected"]["events"], len(events))
    return differences


def run_case(webhooks: knocker.Knocker, name: str, provider: str, case: Dict[str, Any]) -> Differences:
    """Receive one case's request and compare."""
    expected = case["expected"]
    result = receive(webhooks, name, provider, case["request"], expected["signature_valid"])
    differences = Differences()
    check_validity(differences, webhooks, expected, result)
    handshake = expected.get("handshake")
    if handshake:
        check_response(differences, "handshake", handshake, result)
        if handshake.get("store_as_event") is not None:
            differences.equal("handshake.store_as_event", handshake["store_as_event"], result.event_id is not None)
    if expected["signature_valid"] and (not handshake or result.event_id is not None):
        check_events(differences, webhooks, expected, result)
    if expected.get("response"):
        check_response(differences, "response", expected["response"], result)
    if expected.get("reject_reason"):
        check_reason(differences, expected["reject_reason"], result.reason)
    return differences


def check_validity(
    differences: Differences, webhooks: knocker.Knocker, expected: Dict[str, Any], result: knocker.Result
) -> None:
    """Compare the verdict as it is stored, and the status that follows from it."""
    if expected.get("handshake") and result.delivery_id is None:
        return  # answered without being stored
    delivery = webhooks.get_delivery(result.delivery_id or 0)
    differences.equal("signature_valid", expected["signature_valid"], delivery.signature_valid)
    if not expected["signature_valid"] and not expected.get("handshake"):
        differences.equal("status_code", 401, result.status_code)
        differences.equal("event_ids", (), result.event_ids)
        differences.equal("kind", "rejected", delivery.kind)


def check_events(
    differences: Differences, webhooks: knocker.Knocker, expected: Dict[str, Any], result: knocker.Result
) -> None:
    """Compare the events that the request became."""
    items: Optional[List[Dict[str, Any]]] = expected.get("events")
    if items is None:
        items = [{"event_type": expected.get("event_type"), "dedupe_identity": expected.get("dedupe_identity")}]
    differences.equal("number of events", len(items), len(result.event_ids))
    for index, (item, event_id) in enumerate(zip(items, result.event_ids, strict=False)):
        event = webhooks.get_event(event_id)
        differences.equal(f"events[{index}].event_type", item.get("event_type"), event.event_type)
        differences.equal(f"events[{index}].dedupe_identity", item.get("dedupe_identity"), event.dedupe_key)


def check_response(differences: Differences, what: str, want: Dict[str, Any], result: knocker.Result) -> None:
    """Compare the HTTP answer."""
    response = result.response
    if want.get("status"):
        differences.equal(f"{what}.status", want["status"], response.status_code)
    if want.get("body") is not None:
        differences.equal(f"{what}.body", want["body"], response.body or "")
    lower = {name.lower(): value for name, value in response.headers.items()}
    for name, value in (want.get("headers") or {}).items():
        differences.equal(f"{what}.headers.{name}", value, lower.get(name.lower(), ""))


def check_reason(differences: Differences, want: str, got: Optional[str]) -> None:
    """Compare the reason of a refusal."""
    name = "timestamp_out_of_tolerance" if got in ("timestamp_too_old", "timestamp_too_new") else got
    if want in (got, name) or {want, name} <= PRESENT or {want, name} <= ABSENT:
        return
    differences.equal("reject_reason", want, name)
