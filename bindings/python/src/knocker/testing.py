"""Helpers for tests: requests signed as the providers sign, and an inbox with a settable clock.

    from knocker.testing import TestInbox, sign

    def test_paid(tmp_path):
        with TestInbox() as inbox:
            orders = inbox.endpoint("orders", provider="stripe", secrets="whsec_test")
            orders.add_handler("invoice.paid", paid)
            body = b'{"id": "evt_1", "type": "invoice.paid"}'
            orders.receive(body, sign("stripe", "whsec_test", body, at=inbox.now))
            assert [done.status for done in inbox.drain()] == ["handled"]

With pytest, the fixture ``knocker_inbox`` gives such an inbox to a test: it is
there where knocker is installed, else ``pytest_plugins = ["knocker.pytest_plugin"]``.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from knocker import _arguments as arguments
from knocker._arguments import Body, Moment, Secret, Secrets
from knocker._inbox import Knocker
from knocker._library import library
from knocker._models import Event, Finished, _Model
from knocker.errors import InvalidArgumentError

__all__ = ["Provider", "ProviderOption", "SignedRequest", "TestInbox", "providers", "sign", "sign_request"]

#: How many passes ``drain`` makes at most: a handler that always makes new work must not hang a test.
_MOST_PASSES = 1000


@dataclass(frozen=True)
class SignedRequest(_Model):
    """A request as the provider would send it.

    ``method`` (str), ``url`` (str or None, with what the provider adds to it),
    ``headers`` (dict of str to str), ``query`` (str or None: the URL's raw
    query), ``body`` (bytes, which differ from the given ones where the provider
    puts its signature there).
    """

    method: str = "POST"
    url: Optional[str] = None
    headers: Dict[str, str] = field(default_factory=dict)
    query: Optional[str] = None
    body: bytes = b""


@dataclass(frozen=True)
class ProviderOption(_Model):
    """One of a provider's options: ``allowed`` values (empty: any), ``default``, what it does (``doc``)."""

    name: str
    type: str = ""
    default: Any = None
    allowed: Tuple[str, ...] = ()
    doc: str = ""

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> ProviderOption:
        """Make the object of the library's reply."""
        return super().from_reply({**reply, "allowed": tuple(reply.get("allowed") or ())})


@dataclass(frozen=True)
class Provider(_Model):
    """How one sender signs, identifies and types its requests; docs/providers.md shows the same for people.

    ``secret_use`` is required, optional or unused. ``tolerance`` is None, or how
    far a signature's time may be off: past_s and future_s. ``signs``: whether
    ``sign`` can make its requests.
    """

    name: str
    title: str = ""
    aliases: Tuple[str, ...] = ()
    needs_secret: bool = False
    secret_use: str = ""
    secret: str = ""
    needs_url: bool = False
    signature: str = ""
    headers: Tuple[str, ...] = ()
    identity: str = ""
    identity_signed: bool = False
    event_type: str = ""
    batch: bool = False
    handshake: Optional[str] = None
    success_status: int = 204
    tolerance: Optional[Mapping[str, Any]] = None
    options: Tuple[ProviderOption, ...] = ()
    signs: bool = False
    docs: str = ""
    notes: Tuple[str, ...] = ()

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> Provider:
        """Make the object of the library's reply."""
        lists = {name: tuple(reply.get(name) or ()) for name in ("aliases", "headers", "notes")}
        options = tuple(ProviderOption.from_reply(option) for option in reply.get("options") or ())
        return super().from_reply({**reply, **lists, "options": options})


def providers() -> List[Provider]:
    """List all providers by name."""
    return [Provider.from_reply(one) for one in library().call(0, "providers", {})["providers"]]


def sign(
    provider: str,
    secret: Optional[Secret] = None,
    body: Body = b"",
    at: Optional[Moment] = None,
    *,
    secrets: Optional[Secrets] = None,
    provider_options: Optional[Mapping[str, Any]] = None,
    event_id: Optional[str] = None,
    event_type: Optional[str] = None,
    url: Optional[str] = None,
    method: Optional[str] = None,
) -> Dict[str, str]:
    """Make the headers that the provider would send with this body.

    * ``secret``: what the endpoint is configured with; of an asymmetric key the
      private one. ``secrets``: a list instead, of which the first signs.
    * ``at``: the time of the signature, Unix seconds or an aware datetime. Defaults to now.
    * ``event_id``: an id that goes into a header. Defaults to one made of
      provider, time and body, so that the same again is a retry.
    * ``event_type``: for providers that send it in a header.
    * ``url``: the public URL, for providers that sign it. ``method`` defaults to "POST".
    * ``provider_options``: as for the endpoint.

    Raises ``unknown_provider``, ``invalid_secret``, and ``invalid_argument``
    where the provider signs elsewhere than in headers: use ``sign_request`` there.
    """
    signed = sign_request(
        provider,
        secret,
        body,
        at,
        secrets=secrets,
        provider_options=provider_options,
        event_id=event_id,
        event_type=event_type,
        url=url,
        method=method,
    )
    if signed.body != arguments.body_bytes(body)[0] or signed.url != url:
        raise InvalidArgumentError(
            f"The provider {provider!r} signs in the body or the URL: use sign_request, and send its body and url."
        )
    return signed.headers


def sign_request(
    provider: str,
    secret: Optional[Secret] = None,
    body: Body = b"",
    at: Optional[Moment] = None,
    *,
    secrets: Optional[Secrets] = None,
    provider_options: Optional[Mapping[str, Any]] = None,
    event_id: Optional[str] = None,
    event_type: Optional[str] = None,
    url: Optional[str] = None,
    method: Optional[str] = None,
) -> SignedRequest:
    """Make the whole request: as ``sign``, for providers that sign in the body or the URL too."""
    raw, consumed = arguments.body_bytes(body)
    if consumed:
        raise InvalidArgumentError(f"The body to sign is bytes or text, not {type(body).__name__}.")
    request = {
        "provider": provider,
        "secret": None if secret is None else arguments.secrets(secret),
        "secrets": None if secrets is None else arguments.secrets(secrets),
        "body_base64": base64.b64encode(raw).decode("ascii"),
        "at": arguments.moment_seconds(at),
        "provider_options": provider_options,
        "event_id": event_id,
        "event_type": event_type,
        "url": url,
        "method": method,
    }
    reply = library().call(0, "sign", request)
    return SignedRequest.from_reply({**reply, "body": base64.b64decode(reply["body_base64"])})


class TestInbox(Knocker):
    """An inbox in a temporary file, with a clock that stands still until it is set.

    It is a :class:`Knocker` with all its methods. ``now``: what its clock shows
    first, Unix seconds or an aware datetime; defaults to the present second.
    ``options`` are those of ``knocker.open``. ``close`` removes the file.
    """

    __test__ = False  # pytest: no class of tests

    def __init__(self, *, now: Optional[Moment] = None, **options: Any) -> None:
        self._folder = tempfile.mkdtemp(prefix="knocker-test-")
        self._now = float(arguments.moment_seconds(int(time.time()) if now is None else now))
        try:
            super().__init__(Path(self._folder) / "test.db", {"clock": {"now_s": self._now}, **options})
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def __enter__(self) -> TestInbox:
        return self

    async def __aenter__(self) -> TestInbox:
        return self

    @property
    def now(self) -> float:
        """What the clock shows, Unix seconds."""
        return self._now

    def set_clock(self, now_s: Moment) -> None:
        """Set the clock: Unix seconds or an aware datetime."""
        super().set_clock(now_s)
        self._now = float(arguments.moment_seconds(now_s))

    def advance(self, seconds: float) -> None:
        """Move the clock on, so that retries and leases become due."""
        self.set_clock(self._now + seconds)

    def drain(self, **options: Any) -> List[Finished]:
        """Run handlers until nothing is due any more, and tell what became of each run.

        What failed waits for its time: ``advance`` the clock and drain again.
        Options as for ``run_worker``. Raises RuntimeError when it finds no end.
        """
        done: List[Finished] = []
        for _ in range(_MOST_PASSES):
            handled = self.run_worker_once(**options)
            if not handled:
                return done
            done += handled
        raise RuntimeError(f"after {_MOST_PASSES} passes events are still due: does a handler receive what it handles?")

    @property
    def received(self) -> List[Event]:
        """All events in the order of their arrival, with their bodies."""
        return sorted(self.events(bodies=True), key=lambda event: event.id)

    def close(self) -> None:
        """Close the inbox and remove its file."""
        try:
            super().close()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
