"""The apps and creators that every sandbox begins with. Their secrets are no secrets: they open nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

ALL_SCOPES = "user.info.basic,user.info.profile,user.info.stats,video.list,video.publish,video.upload"


@dataclass(frozen=True, slots=True)
class Seed:
    """One creator and the app the creator authorised.

    Attributes:
        name: how `/@control/grant` calls the creator.
        client_key: the app's; a sandbox app's begins with `sb`, as on the real TikTok.
        open_id: the creator's id for this app; real ones may begin with `-`, so one of ours does.
        scope: what a grant holds when it is not asked for less.
        audited: whether the app passed TikTok's audit.
        private: whether the creator's account is private.
        max_seconds: the longest film this creator may post.
    """

    name: str
    client_key: str
    client_secret: str = field(repr=False)
    open_id: str
    username: str
    nickname: str
    audited: bool
    private: bool
    max_seconds: int
    scope: str = ALL_SCOPES


DEMO = Seed(
    name="demo",
    client_key="sbairdatedemo00001",
    client_secret="airdate-sandbox-demo-secret",  # noqa: S106
    open_id="-000airdate0demo0000000000000000001",
    username="airdate_demo",
    nickname="Airdate Demo",
    audited=False,
    private=True,
    max_seconds=600,
)
"""An unaudited app with a private account: only `SELF_ONLY` goes, as for everyone who begins on the real TikTok."""

PUBLIC = Seed(
    name="public",
    client_key="sbairdatepublic001",
    client_secret="airdate-sandbox-public-secret",  # noqa: S106
    open_id="_000airdate0public00000000000000001",
    username="airdate_public",
    nickname="Airdate in Public",
    audited=True,
    private=False,
    max_seconds=300,
)
"""An audited app with a public account: every level but followers-only goes."""

SEEDS = (DEMO, PUBLIC)


def is_sandbox_key(client_key: str) -> bool:
    """Whether an app of that key is the sandbox's own."""
    return any(seed.client_key == client_key for seed in SEEDS)
