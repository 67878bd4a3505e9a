"""A TikTok that only moderates: posts are there already, and each answers as its test says, by the test's own clock."""

from __future__ import annotations

import json
import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import insert, update

from airdate.engine import Engine
from airdate.following import sweep
from airdate.ledger import Ledger, accounts, posts
from airdate.ledger.posts import Post
from airdate.ledger.schema import accounts as accounts_table
from airdate.ledger.schema import posts as posts_table
from airdate.ledger.schema import submissions as submissions_table
from airdate.post import AssetRef, Consent, Mode, Options, PostRequest, PostState, Privacy, SubmissionState
from airdate.settings import Settings
from airdate.store import Store

BEGIN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SIZE = 1000
STATUS_LIMIT = 30
ALL_SCOPES = "user.info.basic,video.list,video.publish,video.upload"
PUBLIC = Options(caption="hello", privacy=Privacy.PUBLIC)
DRAFT = Options(caption="hello", mode=Mode.INBOX)
COMPLETE = {"status": "PUBLISH_COMPLETE"}
ID = 7500000000000000123
"""More than 2^53."""


@dataclass
class Clock:
    """A clock that stands until the test moves it."""

    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Refusal:
    """An answer that refuses."""

    status: int
    code: str


@dataclass(frozen=True)
class Call:
    at: datetime
    creator: str
    path: str
    body: dict[str, Any]


@dataclass
class Moderation:
    """What TikTok knows and was asked.

    Attributes:
        said: by publish id, the `data` of its status, or what it is refused with; undecided when it is not there.
        videos: by creator, what the Display API lists.
        dead: access tokens that are refused.
        broken: limits that a caller broke.
    """

    clock: Clock
    url: str = ""
    said: dict[str, dict[str, Any] | Refusal] = field(default_factory=dict)
    videos: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    dead: set[str] = field(default_factory=set)
    calls: list[Call] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    grants: int = 0
    meanwhile: Callable[[str], None] = lambda _publish_id: None
    _windows: dict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, call: str = "status") -> list[Call]:
        return [each for each in self.calls if f"/{call}" in each.path]

    def asked_about(self) -> list[str]:
        return [each.body["publish_id"] for each in self.asked()]

    def answer(self, path: str, body: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
        if path == "/v2/oauth/token/":
            return 200, self._granted(body["client_key"])
        creator = token.partition(".")[2].rpartition(".")[0]
        with self._lock:
            self.calls.append(Call(self.clock.now, creator, path, body))
            if token in self.dead:
                return 401, _envelope("access_token_invalid")
            if "/status/" in path and not self._within_rate(creator):
                return 429, _envelope("rate_limit_exceeded")
        if "/status/" in path:
            self.meanwhile(body["publish_id"])
            found = self.said.get(body["publish_id"], {"status": "PROCESSING_UPLOAD", "uploaded_bytes": SIZE})
            return (found.status, _envelope(found.code)) if isinstance(found, Refusal) else (200, _envelope(data=found))
        listed = self.videos[creator]
        if "/query/" in path:
            listed = [video for video in listed if video["id"] in body["filters"]["video_ids"]]
        return 200, _envelope(data={"videos": listed, "cursor": 0, "has_more": False})

    def _granted(self, client_key: str) -> dict[str, Any]:
        with self._lock:
            self.grants += 1
            token = f"act.{client_key}.{self.grants:06}"
        return {
            "access_token": token,
            "expires_in": 7200,
            "refresh_token": f"rft.{self.grants:06}",
            "scope": ALL_SCOPES,
        }

    def _within_rate(self, creator: str) -> bool:
        window = self._windows[creator]
        while window and self.clock.now - window[0] >= timedelta(minutes=1):
            window.popleft()
        if len(window) >= STATUS_LIMIT:
            self.broken.append(f"more than {STATUS_LIMIT} status calls a minute for {creator}")
            return False
        window.append(self.clock.now)
        return True


def _envelope(code: str = "ok", data: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"data": data or {}, "error": {"code": code, "message": "", "log_id": "log-1"}}


@contextmanager
def moderating(clock: Clock) -> Iterator[Moderation]:
    """The TikTok, on loopback."""
    moderation = Moderation(clock)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            path = urlsplit(self.path).path
            form = path == "/v2/oauth/token/"
            body = dict(part.split("=", 1) for part in raw.decode().split("&")) if form else json.loads(raw)
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, answer = moderation.answer(path, body, token)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    moderation.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield moderation
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def following(home_settings: Settings, moderation: Moderation, names: tuple[str, ...] = ("demo",)) -> Iterator[Engine]:
    """An engine by the moderation's clock, with these accounts; its waits move that clock."""
    clock = moderation.clock
    settings = home_settings.model_copy(update={"tiktok_api_url": moderation.url})
    ledger = Ledger.open(settings, clock)
    for name in names:
        add_account(ledger, name, moderation.url)
    yield Engine(settings, ledger, Store(settings.store), lambda seconds: clock.forward(seconds=seconds))
    ledger.close()


def add_account(ledger: Ledger, name: str, url: str) -> None:
    """An account whose client key is its name; its scopes are known, as after a first refresh."""
    accounts.add(
        ledger,
        name=name,
        api_url=url,
        client_key=name,
        open_id=f"oid-{name}",
        client_secret=f"CANARY-SECRET-{name}",
        refresh_token="CANARY-REFRESH",
        audited=True,
        mode=Mode.DIRECT,
        privacy=None,
    )
    with ledger.write() as connection:
        scopes = ALL_SCOPES.split(",")
        connection.execute(update(accounts_table).where(accounts_table.c.name == name).values(scopes=scopes))


def sent(
    engine: Engine,
    key: str,
    *,
    account: str = "demo",
    options: Options | None = None,
    state: SubmissionState = SubmissionState.ACCEPTED,
    publish_id: str | None = "by the key",
    **values: Any,
) -> Post:
    """A post that TikTok has all bytes of, as its upload left it just now."""
    options = options or Options(caption=f"caption of {key}", privacy=Privacy.SELF_ONLY)
    ledger, now = engine.ledger, engine.ledger.now()
    request = PostRequest(
        key=key,
        account=account,
        assets=(AssetRef("file", f"/films/{key}.mp4", "a" * 64),),
        options=options,
        consent=Consent("command", "ana", now),
    )
    post = posts.record(ledger, request, [f"/films/{key}.mp4"], who="test")
    publish_id = f"v_pub_file~v2-1.{key}" if publish_id == "by the key" else publish_id
    with ledger.write() as connection:
        connection.execute(
            update(posts_table)
            .where(posts_table.c.id == post.id)
            .values(**{"state": PostState.PROCESSING.value, "publish_id": publish_id, **values})
        )
        connection.execute(
            insert(submissions_table).values(
                post_id=post.id,
                state=state.value,
                mode=options.mode.value,
                film_sha256="a" * 64,
                film_size=SIZE,
                chunk_size=SIZE,
                chunk_count=1,
                asked_at=now,
                publish_id=publish_id,
                url_expires_at=now + timedelta(hours=1),
                acknowledged=SIZE,
                log_ids=[],
                created_at=now,
                updated_at=now,
            )
        )
    return posts.get(ledger, post.id)


def now_of(engine: Engine, post: Post) -> Post:
    return posts.get(engine.ledger, post.id)


def story(engine: Engine, post: Post) -> list[str]:
    return [event.why for event in posts.story(engine.ledger, post.id)]


def with_scopes(engine: Engine, *scopes: str) -> None:
    with engine.ledger.write() as connection:
        connection.execute(update(accounts_table).values(scopes=list(scopes)))


def sweep_for(engine: Engine, clock: Clock, *, hours: float) -> None:
    """A round each minute for so long; the minutes in which nothing is due are passed over."""
    end = clock.now + timedelta(hours=hours)
    while clock.now < end:
        sweep(engine)
        (post,) = posts.listed(engine.ledger)
        wait = min(post.look_at or clock.now, end) - clock.now
        clock.forward(minutes=max(1, math.ceil(wait / timedelta(minutes=1))))
