"""The base of every exception that this package raises."""

from __future__ import annotations

from typing import Any, Callable, ClassVar, Mapping, Optional, Tuple, Type


class KnockerError(Exception):
    """Something that the inbox could not do.

    Every exception of this package is a ``KnockerError`` with

    * ``code`` (str): a stable name from a closed list, such as ``"busy"``;
    * ``message`` (str): a sentence for people, which never holds a secret;
    * ``http_status`` (int): what a webhook route answers with, so that the
      sender does the right thing: ``except KnockerError as error: return
      Response(status_code=error.http_status)``;
    * ``retryable`` (bool): whether the same call can succeed later;
    * ``details`` (dict): what a program may want to read, often empty.

    There is one subclass a code, so ``except knocker.BusyError`` works too.
    """

    code: str = "internal"
    http_status: int = 500
    retryable: bool = False

    #: Filled by the package from the generated table.
    by_code: ClassVar[Mapping[str, Type[KnockerError]]] = {}

    def __init__(
        self,
        message: str = "",
        *,
        code: Optional[str] = None,
        http_status: Optional[int] = None,
        retryable: Optional[bool] = None,
        details: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        if code is not None:
            self.code = code
        if http_status is not None:
            self.http_status = http_status
        if retryable is not None:
            self.retryable = retryable
        self.details = dict(details or {})
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> Tuple[Callable[..., KnockerError], Tuple[Any, ...]]:
        return _rebuild, (type(self), self.message, self.code, self.http_status, self.retryable, self.details)


def _rebuild(
    kind: Type[KnockerError], message: str, code: str, http_status: int, retryable: bool, details: Mapping[str, Any]
) -> KnockerError:
    return kind(message, code=code, http_status=http_status, retryable=retryable, details=details)


def error_from_reply(reply: Mapping[str, Any]) -> KnockerError:
    """Make the exception of a library's ``{"error": ...}``."""
    code = str(reply.get("code", "internal"))
    kind = KnockerError.by_code.get(code, KnockerError)
    return kind(
        str(reply.get("message", "")),
        code=code,
        http_status=int(reply.get("http_status", 500)),
        retryable=bool(reply.get("retryable", False)),
        details=reply.get("details"),
    )
