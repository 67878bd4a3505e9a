"""`airdate doctor --first-contact`: what TikTok's documents leave open, asked of TikTok itself, once.

Two short films go out `SELF_ONLY` to a private account by the normal way, through the ledger and under keys of their
own: one in one chunk, one in several. On the way the answers are looked at. Started again, it posts nothing and only
asks whether TikTok still knows the ids.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airdate import steps
from airdate.clearance import check_scopes
from airdate.engine import Engine
from airdate.errors import AirdateError, NeedsPerson
from airdate.files import seal
from airdate.intake import command_consent, intake
from airdate.ledger import accounts, submissions
from airdate.ledger.posts import Post
from airdate.media.programs.ffmpeg import program
from airdate.post import Mode, Options, PostState, Privacy
from airdate.redact import redact
from airdate.tiktok import witness
from airdate.tiktok.chunks import ChunkPlan
from airdate.tiktok.client import TikTok
from airdate.tiktok.session import Session
from airdate.tiktok.transport import open_http
from airdate.tiktok.wire import Answer, Wire
from airdate.tiktok.witness import Seen

RECORD = "first-contact.json"

CHUNKED_BYTES = 66_000_001
"""Just above the 64,000,000 bytes that one chunk may have, so that there are several."""

NEVER_GIVEN = "v_pub_file~v2-1.1"

SECONDS = 4
FILM = "testsrc2=size=720x1280:rate=30"
TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,format=yuv420p"

Say = Callable[[str], None]


@dataclass
class _Notes:
    """What was seen of one film's way.

    Attributes:
        seen: all answers, in order.
        again: the answers to a chunk that was sent again after it had been accepted.
    """

    seen: list[Seen] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)


def first_contact(engine: Engine, name: str, say: Say) -> dict[str, Any]:
    """Ask TikTok, and write what it answered to `first-contact.json` in the home.

    Args:
        say: tells people what is done.

    Raises:
        NeedsPerson: the account is not private, or lacks a scope; nothing is posted.
        Transient: TikTok does not answer; the same command goes on.
    """
    path = engine.settings.home / RECORD
    record: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if record.get("account") != name:
        record = {"account": name, "target": engine.settings.tiktok_api_url, "facts": {}, "ids": [], "answers": []}
    if not record["ids"]:
        record = _ask(engine, record, say)
    else:
        say("This account was asked before: nothing is posted again, and TikTok is asked for the ids it knows.")
    _ask_for_ids(engine, record)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(record, indent=2) + "\n")
    draft.replace(path)
    return record


def _ask(engine: Engine, record: dict[str, Any], say: Say) -> dict[str, Any]:
    name, notes = record["account"], _Notes()
    with watching_into(notes.seen):
        facts = _tokens(engine, name, say) | {"answer_to_an_unknown_id": _unknown_id(engine, name)}
    many = _Notes()
    folder = engine.settings.home / "first-contact"
    folder.mkdir(parents=True, exist_ok=True)
    small, large = _films(folder)
    ids: list[dict[str, Any]] = []
    for film, what, each in ((small, "one chunk", notes), (large, "several chunks", many)):
        say(f"A film of {SECONDS} seconds goes out, SELF_ONLY, in {what} …")
        post = _publish(engine, name, film, each, what)
        ids.append({"publish_id": post.publish_id, "published_at": engine.ledger.now().isoformat(), "asked": []})
        each.again.append(_again(engine, post, film, "after the last chunk"))
    facts |= {
        "content_range_means": progress_meaning(many.seen),
        "statuses_of_chunks": [seen.status for seen in [*notes.seen, *many.seen] if seen.call == "PUT"],
        "same_chunk_again": [*notes.again, *many.again],
        "log_id_header": _log_id_header([*notes.seen, *many.seen]),
        "header_names": sorted({header for seen in [*notes.seen, *many.seen] for header in seen.headers}),
    }
    answers = [seen.as_dict() for seen in _one_of_each([*notes.seen, *many.seen])]
    return {**record, "asked_at": engine.ledger.now().isoformat(), "facts": facts, "ids": ids, "answers": answers}


@contextmanager
def watching_into(seen: list[Seen]) -> Iterator[None]:
    """Keep what is seen meanwhile."""
    with witness.watching(seen.append):
        yield


def _tokens(engine: Engine, name: str, say: Say) -> dict[str, Any]:
    """See that the account may be used for this, and what a refresh does to the token before it."""
    ledger = engine.ledger
    with Session(engine.settings, ledger, name, engine.pause) as session:
        session.refresh_if_due()
        check_scopes(session.account, Mode.DIRECT)
        offered = session.creator_info().privacy_level_options
        if Privacy.PUBLIC in offered or Privacy.SELF_ONLY not in offered:
            raise NeedsPerson(
                "first_contact_public",
                f"the account is not private; it offers {', '.join(offered)}",
                item=name,
                rule="first contact posts to a private account only, and only SELF_ONLY",
                fix="make the account private in TikTok's app, or take another one",
            )
        say("The access token is renewed, and the one before it is tried once more …")
        before = session.token()
        session.renew(before)
        account = accounts.get(ledger, name)
    issued = account.access_issued_at
    lives = {
        label: (ends - issued).total_seconds() if ends is not None and issued is not None else None
        for label, ends in (("access", account.access_expires_at), ("refresh", account.refresh_expires_at))
    }
    return {
        "old_access_token_after_refresh": "lives" if _is_taken(engine, before) else "dies",
        "access_token_seconds": lives["access"],
        "refresh_token_seconds": lives["refresh"],
    }


def _unknown_id(engine: Engine, name: str) -> str:
    """What TikTok says to an id it never gave, which is how one that it has forgotten will look."""
    with Session(engine.settings, engine.ledger, name, engine.pause) as session:
        try:
            return session.status(NEVER_GIVEN).status
        except AirdateError as error:
            return error.code


def _is_taken(engine: Engine, access_token: str) -> bool:
    """Whether TikTok still takes this token; it is asked besides the session, which would replace it."""
    with open_http() as http:
        tiktok = TikTok(engine.settings.tiktok_api_url, http, gate=lambda _call: nullcontext(), pause=engine.pause)
        try:
            tiktok.creator_info(access_token)
        except NeedsPerson as refused:
            if refused.code != "access_token_invalid":
                raise
            return False
        return True


def _films(folder: Path) -> tuple[Path, Path]:
    """A short film that goes out as it is, and the same with an empty box at its end, both made once."""
    small, large = folder / "one-chunk.mp4", folder / "several-chunks.mp4"
    if not small.exists():
        draft = folder / "draft.mp4"
        source = ["-f", "lavfi", "-i", f"{FILM}:duration={SECONDS}"]
        codec = ["-vf", TAGS, "-c:v", "libx264", "-preset", "veryfast", "-movflags", "+faststart"]
        command = [program(), "-v", "error", "-y", *source, *codec, "-map_metadata", "-1", str(draft)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=120)
        draft.replace(small)
    if not large.exists():
        film = small.read_bytes()
        room = CHUNKED_BYTES - len(film)
        # Bytes that differ from chunk to chunk: a splice would show.
        filling = random.Random(1).randbytes(room - 8)  # noqa: S311 (filling)
        draft = folder / "draft.mp4"
        draft.write_bytes(film + room.to_bytes(4) + b"free" + filling)
        draft.replace(large)
    return small, large


def _publish(engine: Engine, name: str, film: Path, notes: _Notes, what: str) -> Post:
    """Publish it as any other film; in the middle of several chunks, the first is sent once more."""
    consent = command_consent(engine.ledger.now())
    options = Options(caption=f"Airdate, first contact: {what}", privacy=Privacy.SELF_ONLY)
    key = f"first-contact/{name}/{film.stem}"
    taken = intake(
        engine, sources=[str(film)], account=name, options=options, consent=consent, origin="command", key=key
    )
    post = steps.record(engine, taken, who=consent.who)

    def tell(step: str, part: float) -> None:
        if step == "publish" and 0 < part < 1 and not notes.again:
            notes.again.append(_again(engine, post, film, "before the last chunk"))

    with watching_into(notes.seen):
        post = steps.walk(engine, post.id, on_progress=tell)
    if post.state is not PostState.PUBLISHED and post.state is not PostState.PROCESSING:
        error = post.error or {}
        raise NeedsPerson(
            "first_contact_stopped",
            f"the film in {what} is {post.state}: {error.get('message')}",
            item=post.id,
            rule="first contact needs two films to go out",
            fix=error.get("fix") or f"see `airdate posts show {post.id}`, then give the same command again",
            log_id=error.get("log_id"),
        )
    return post


def _again(engine: Engine, post: Post, film: Path, when: str) -> dict[str, Any]:
    """Send the first chunk to the same address once more, which cannot make a second post."""
    submission = submissions.of_post(engine.ledger, post.id)[-1]
    url = submissions.upload_url(engine.ledger, submission)
    if url is None:
        return {"when": when, "status": None}
    plan = ChunkPlan(submission.film_size, submission.chunk_size, submission.chunk_count)
    first, last = plan.range_of(0)
    headers = {
        "Content-Type": "video/mp4",
        "Content-Length": str(last + 1 - first),
        "Content-Range": f"bytes {first}-{last}/{plan.size}",
    }
    with seal(film).opened() as reader, Wire() as wire:
        answer = wire.put(url, headers, reader.blocks(first, last), last + 1 - first)
    if not isinstance(answer, Answer):
        return {"when": when, "status": None, "why": redact(answer.why)}
    return {"when": when, "status": answer.status, "content_range": answer.headers.get("Content-Range")}


def progress_meaning(seen: list[Seen]) -> str:
    """What the number in the answers' `Content-Range` is: `count` of bytes, or the `last index` of them."""
    meanings = set()
    for answer in seen:
        sent = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.sent or "")
        header = next((value for name, value in answer.headers.items() if name.lower() == "content-range"), None)
        told = re.search(r"-(\d+)/", header or "")
        if sent is None or answer.status != 206:
            continue
        if told is None:
            meanings.add("no header")
        else:
            last = int(sent[2])
            meanings.add({last: "last index", last + 1: "count"}.get(int(told[1]), "something else"))
    return " and ".join(sorted(meanings)) or "not seen"


def _log_id_header(seen: list[Seen]) -> str | None:
    return next((header for answer in seen for header in answer.headers if header.lower() == "x-tt-logid"), None)


def _one_of_each(seen: list[Seen]) -> list[Seen]:
    """The first answer of each shape: a poll that is repeated tells nothing new."""
    found = {(each.call, each.status, json.dumps(each.fields)): each for each in reversed(seen)}
    return list(reversed(found.values()))


def _ask_for_ids(engine: Engine, record: dict[str, Any]) -> None:
    """Whether TikTok still knows the ids; how long it does is known when it does not any more."""
    with Session(engine.settings, engine.ledger, record["account"], engine.pause) as session:
        for known in record["ids"]:
            asked = {"at": engine.ledger.now().isoformat()}
            try:
                asked["status"] = session.status(known["publish_id"]).status
            except AirdateError as error:
                asked["error"] = error.code
            known["asked"].append(asked)
