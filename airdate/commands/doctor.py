"""`airdate doctor`: what is found, as a list for people or as one document; and the first contact with TikTok."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from airdate.commands.opened import open_engine
from airdate.console import Answer, failed
from airdate.doctor import Check, Prefect, examine
from airdate.doctor.check import right
from airdate.errors import NeedsPerson, WrongUsage
from airdate.first_contact import RECORD, first_contact
from airdate.settings import load_settings
from airdate.up import joined

Say = Callable[[str], None]


def doctor(prefect: Prefect | None) -> Answer:
    """Look at everything that must be right.

    Args:
        prefect: looks at Prefect; None when none is known.
    """
    found = examine(joined(load_settings()), prefect or _no_prefect)
    document = {"checks": [check.as_dict() for check in found], "error": None}
    wrong = [check for check in found if not check.ok]
    words = "\n".join(map(_line, found))
    if not wrong:
        return Answer(document, f"{words}\nAll is right.")
    names = ", ".join(check.name for check in wrong)
    error = NeedsPerson(
        "doctor_found",
        f"{len(wrong)} of {len(found)} checks found something: {names}",
        rule="all of them are right before posts go out unattended",
        fix=wrong[0].fix if len(wrong) == 1 else "see the fix of each",
        who=wrong[0].who,
    )
    answer = failed(error, document)
    return Answer(answer.document, f"{words}\n{answer.words}", answer.status)


def meet(name: str, *, is_agreed: bool, say: Say) -> Answer:
    """Ask TikTok what its documents leave open, by two private posts.

    Raises:
        WrongUsage: nobody agreed to it.
    """
    question = f"Two short films will be posted to {name} at TikTok, visible to nobody else."
    if not is_agreed and not _agrees(question):
        raise WrongUsage(
            "not_agreed",
            "first contact posts to TikTok, so a person must agree to it",
            item="--first-contact",
            rule="two posts, SELF_ONLY, to a private account",
            fix="answer `yes`, or add --yes",
        )
    with open_engine() as engine:
        record = first_contact(engine, name, say)
        path = engine.settings.home / RECORD
    words = f"{json.dumps(record, indent=2)}\nwritten to {path}; delete the two posts in TikTok's app when you like"
    return Answer({"checks": None, "first_contact": record, "error": None}, words)


def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{question} Write yes to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"


def _no_prefect() -> list[Check]:
    return [right("Prefect API", "none is known; `airdate publish` takes posts out itself, and `airdate up` runs one")]


def _line(check: Check) -> str:
    if check.ok:
        return f"ok     {check.name}: {check.message}"
    return f"WRONG  {check.name}: {check.message}\n       Fix: {check.fix} (who acts: {check.who})"
