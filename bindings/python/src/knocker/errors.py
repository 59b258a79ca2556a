"""All exceptions: :class:`KnockerError` and one subclass a code."""

from __future__ import annotations

from knocker import _error_codes
from knocker._error_codes import *  # noqa: F403  the generated module names what it exports
from knocker._errors import KnockerError

KnockerError.by_code = _error_codes.BY_CODE
for _kind in (KnockerError, *_error_codes.BY_CODE.values()):
    _kind.__module__ = "knocker"  # where users find it, so also what tracebacks and stored errors say

__all__ = ["KnockerError"]
__all__ += _error_codes.__all__
