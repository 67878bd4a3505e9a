"""`airdate freeze` and `airdate unfreeze`: the one switch for all publishing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airdate.commands.publish import Runs
from airdate.console import Answer
from airdate.engine import Engine, run_name
from airdate.errors import AirdateError
from airdate.freeze import OnItsWay, Traffic, traffic
from airdate.intake import command_consent
from airdate.ledger import posts, switches
from airdate.ledger.switches import Switch
from airdate.steps import is_ahead


def freeze(reason: str) -> Answer:
    """Stop all publishing until it is unfrozen, and say what is on its way."""
    with Engine.open() as engine:
        who = command_consent(engine.ledger.now()).who
        switch = switches.freeze(engine.ledger, who=who, why=reason)
        found = traffic(engine.ledger)
    lines = [f"All publishing is frozen since {switch.since:%Y-%m-%d %H:%M:%S} UTC by {switch.who}: {switch.why}"]
    lines += _told("stops before its last byte", found.in_flight)
    lines += _told("can no longer be stopped; delete it in TikTok's app if it must go", found.cannot_be_stopped)
    lines.append(f"  {found.waiting} more are due and wait; `airdate unfreeze` lets all go on")
    return Answer(_document(switch, found), "\n".join(lines))


def unfreeze(runs: Runs | None) -> Answer:
    """Let publishing go on: what waited for it is taken out at once, under each post's lateness policy."""
    with Engine.open() as engine:
        who = command_consent(engine.ledger.now()).who
        was, back = switches.unfreeze(engine.ledger, who=who)
        found = traffic(engine.ledger)
        said = _taken_out(engine, back, runs)
    if was is None:
        return Answer(_document(None, found), "Publishing was not frozen.")
    return Answer(_document(None, found), f"Publishing goes on; {was.who} had frozen it: {was.why}\n  {said}")


def _taken_out(engine: Engine, back: Sequence[str], runs: Runs | None) -> str:
    """Make a run for each post that waited; the clock makes those that cannot be made now."""
    if not back:
        return "no post waited for that"
    if runs is None:
        return f"{len(back)} posts waited: {', '.join(back)}; `airdate up`, or the same command again, takes them out"
    try:
        for post_id in back:
            post = posts.get(engine.ledger, post_id)
            if not is_ahead(engine, post):
                runs.start(post, at=None, name=run_name(post))
                posts.mark_run(engine.ledger, post.id, post.turn)
    except AirdateError as failed:
        return f"{len(back)} posts waited; no run could be made now ({failed.message}), so the clock makes them"
    return f"{runs.follower} takes out what waited: {', '.join(back)}"


def _told(what: str, on_their_way: Sequence[OnItsWay]) -> list[str]:
    return [f"  {each.post.id} ({each.post.account}, {each.post.state}) {what}" for each in on_their_way]


def _document(switch: Switch | None, found: Traffic) -> dict[str, Any]:
    return {
        "frozen": switch is not None,
        "since": switch.since.isoformat() if switch else None,
        "who": switch.who if switch else None,
        "reason": switch.why if switch else None,
        "in_flight": [each.as_dict() for each in found.in_flight],
        "cannot_be_stopped": [each.as_dict() for each in found.cannot_be_stopped],
        "waiting": found.waiting,
        "error": None,
    }
