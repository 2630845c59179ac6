"""One thread for linear algebra: the same numbers whatever the machine, and no waiting on many small products."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looking for the libraries takes milliseconds, so it is done once


def one_thread() -> AbstractContextManager[Any]:
    """A context in which linear algebra runs on one thread."""
    found: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return found
