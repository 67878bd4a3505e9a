"""The engine's `StartRun`, done with Prefect's client; and how a run ended.

Which API is asked, Prefect's own settings say (`PREFECT_API_URL`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import get_current_settings
from prefect.states import Scheduled

from airdate.errors import NeedsPerson, Transient
from airdate.ledger.posts import Post

DEPLOYMENT = "publish-post/publish-post"

LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: Prefect's type of the state, its name, and its sentence for people."""

    type: str
    name: str
    message: str | None

    @property
    def is_done(self) -> bool:
        """Whether the run did all that it was to do."""
        return self.type == StateType.COMPLETED.value


def start_run(post: Post, *, at: datetime | None, name: str) -> str:
    """Make the run of a post's present turn, or find it: a turn has one run, however often it is asked for.

    Raises:
        Transient: the Prefect API does not answer.
        NeedsPerson: it does not know the deployment.
    """
    with open_client() as client:
        try:
            deployment = client.read_deployment_by_name(DEPLOYMENT)
        except ObjectNotFound:
            raise NeedsPerson(
                "deployment_missing",
                "this Prefect API does not know the deployment",
                item=DEPLOYMENT,
                fix="run `airdate up`, or deploy deployments/prefect.yaml with `prefect deploy --all`",
            ) from None
        run = client.create_flow_run_from_deployment(
            deployment.id,
            # Nothing but the name of what the ledger holds: parameters are shown to everybody.
            parameters={"source": [], "account": post.account, "key": post.key, "turn": post.turn},
            state=Scheduled(scheduled_time=at),
            name=name,
            idempotency_key=key_of(post),
        )
    return str(run.id)


def key_of(post: Post) -> str:
    """What makes Prefect keep one run for a post's present turn."""
    return f"slot:{post.id}:{post.turn}"


def wait_for(run_id: str, *, pause: Callable[[float], None] = time.sleep) -> Ended:
    """Wait until the run has ended; an API that is away for a while is waited for."""
    while True:
        try:
            with open_client() as client:
                state = client.read_flow_run(UUID(run_id)).state
        except Transient:
            state = None
        if state is not None and state.is_final():
            return Ended(state.type.value, state.name or state.type.value, state.message)
        pause(LOOK_EVERY_S)


def link_to(run_id: str) -> str | None:
    """The page of a run in Prefect's UI."""
    address = get_current_settings().ui_url
    return f"{address}/runs/flow-run/{run_id}" if address else None


@contextmanager
def open_client() -> Iterator[SyncPrefectClient]:
    """A client of the API that Prefect's settings name; whatever it fails with is `Transient`."""
    try:
        with get_client(sync_client=True) as client:
            yield client
    except (httpx.TransportError, PrefectHTTPStatusError) as failed:
        raise Transient(
            "prefect_unreachable",
            f"the Prefect API does not answer as it should: {type(failed).__name__}",
            item="PREFECT_API_URL",
            fix="see that the Prefect server runs",
        ) from None
