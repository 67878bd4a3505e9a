"""What every task needs: the engine and the lease, a thread for work that blocks, and when to try again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, ParamSpec, TypedDict, TypeVar

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from airdate.engine import Engine
from airdate.errors import AirdateError, Transient
from airdate.ledger.leases import Lease
from airdate.redact import redact

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Work:
    """One post on its way, held by this process. Prefect sees the post's id and nothing else of it."""

    post_id: str
    engine: Engine = field(repr=False)
    lease: Lease = field(repr=False)


class Bug(Exception):
    """An exception that Airdate did not raise on purpose, its text redacted: Prefect shows it to everybody."""


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do blocking work in a thread, so that heartbeats, logs and cancellation go on meanwhile.

    Raises:
        AirdateError: what the work raised on purpose.
        Bug: anything else, for other libraries' texts may hold a signed URL.
    """
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except AirdateError:
        raise
    except Exception as bug:  # noqa: BLE001 (whatever it is, its text must not go out as it is)
        raise Bug(redact(f"{type(bug).__name__}: {bug}")) from None


def is_transient(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again can help; the engine has used its own retries by then."""
    return isinstance(state.data, Transient)


class Policy(TypedDict):
    """The options that every task of a step shares."""

    retries: int
    retry_delay_seconds: list[float]
    retry_condition_fn: Callable[[Task[Any, Any], TaskRun, State[Any]], bool]
    cache_policy: CachePolicy
    persist_result: bool


POLICY: Final[Policy] = {
    "retries": 2,
    "retry_delay_seconds": [5, 15],
    "retry_condition_fn": is_transient,
    # The ledger and the store know what is done. Prefect's cache would hash the inputs and keep what must not be kept.
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
