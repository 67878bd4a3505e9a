"""How far a long task is, as a Prefect artifact in the run's page."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact

log = logging.getLogger(__name__)

UPDATE_EVERY_S = 1.0
"""An update is a call to the Prefect API; more often than this nobody can read it."""


def progress(what: str, *, now: Callable[[], float] = time.monotonic) -> Callable[[float], None]:
    """A callback that takes 0.0 to 1.0 from the thread that works, and shows it without keeping it waiting.

    Made in a running event loop, which does the showing. The artifact is made by the first call, so that work
    which was done already shows none.
    """
    loop = asyncio.get_running_loop()
    showing = asyncio.Lock()
    artifact: UUID | None = None
    shown_at = float("-inf")

    def told(part: float) -> None:
        nonlocal shown_at
        if now() - shown_at >= UPDATE_EVERY_S or part >= 1.0:
            shown_at = now()
            asyncio.run_coroutine_threadsafe(show(round(min(max(part, 0.0), 1.0) * 100, 1)), loop)

    async def show(percent: float) -> None:
        nonlocal artifact
        async with showing:
            try:
                if artifact is None:
                    artifact = await acreate_progress_artifact(percent, description=what)
                else:
                    await aupdate_progress_artifact(artifact, percent)
            except Exception as failed:  # noqa: BLE001 (whatever Prefect's client raises, the work goes on)
                log.warning("the progress could not be shown: %s", type(failed).__name__)

    return told
