"""Where TikTok fetches the pictures of photo posts: a folder of ours that a web server shows under a verified address.

Airdate writes there and takes away again; serving it is the operator's web server's work.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import logging
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from airdate.errors import NeedsPerson, Refused
from airdate.files import seal
from airdate.ledger import Ledger, pulls
from airdate.ledger.leases import Lease
from airdate.ledger.pulls import Pull
from airdate.photo_set import Photo
from airdate.redact import register
from airdate.settings import TIKTOK_API_URL, Settings

log = logging.getLogger(__name__)

NAME_BYTES = 20
"""Random bytes of a picture's name: whoever does not know it cannot find a picture that is not public yet."""

READABLE = 0o644
"""The web server is another user."""

TIMEOUT = httpx.Timeout(20, connect=5)
LOOKS = 3
"""How often the address is tried: a web server that restarts is back by then."""

PAUSE_S = 2.0

_OURS = re.compile(rf"\.?([0-9a-f]{{{2 * NAME_BYTES}}}\.(?:jpg|webp))(?:\.[0-9a-f]+\.part)?")
"""A picture of ours, or one that was being written when its worker died."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder, and the address under which it is served, ending in a slash."""

    folder: Path
    url: str


@dataclass(frozen=True, slots=True)
class Served:
    """A picture that lies open.

    Attributes:
        url: not shown, because whoever knows it sees the picture.
        what: the picture for people: its place in the post and the name of its source.
    """

    url: str = field(repr=False)
    what: str
    sha256: str
    size: int


def missing_settings(settings: Settings) -> tuple[str, ...]:
    """Which of the two settings are not set; TikTok can fetch pictures only with both."""
    values = {"AIRDATE_PULL_DIR": settings.pull_dir, "AIRDATE_PULL_URL": settings.pull_url}
    return tuple(name for name, value in values.items() if not value)


def place_of(settings: Settings, api_url: str) -> Place:
    """The place that the settings name.

    Args:
        api_url: of the account. The real TikTok fetches by https from a domain name only; any other origin is a
            rehearsal, which may fetch from this machine.

    Raises:
        NeedsPerson: a setting is missing, or the address is one that TikTok would not fetch from.
    """
    if settings.pull_dir is None or not settings.pull_url:
        raise NeedsPerson(
            "pull_unset",
            f"{' and '.join(missing_settings(settings))} must be set before TikTok can fetch pictures",
            item="AIRDATE_PULL_URL",
            rule="TikTok fetches the pictures of a photo post from a verified address of ours",
            fix="set both, or post the photos as a slideshow",
        )
    url = settings.pull_url if settings.pull_url.endswith("/") else f"{settings.pull_url}/"
    if why := _unfit(url, is_real=api_url == TIKTOK_API_URL):
        raise NeedsPerson(
            "pull_url_invalid",
            f"TikTok would not fetch from this address: {why}",
            item="AIRDATE_PULL_URL",
            rule="TikTok, Media Transfer Guide: https, a domain name and no IP address, verified in the portal",
            fix="set it to the https address under which AIRDATE_PULL_DIR is served, such as https://media.example.com/tiktok/",
        )
    return Place(settings.pull_dir, url)


def _unfit(url: str, *, is_real: bool) -> str | None:
    """What is wrong with the address, in a few words; None when nothing is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is no address"
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or port == 0 or not url.isascii() or not url.isprintable():
        return "it is no address"
    if "@" in parts.netloc or "?" in url or "#" in url or " " in url:
        return "it holds a user, a query or a fragment"
    if not is_real:
        return None
    if parts.scheme != "https":
        return "it is not https"
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return "its host is an IP address"
    if "." not in host.strip(".") or host.rpartition(".")[2].isdigit() or host.endswith((".local", ".localhost")):
        return "its host is no public domain name"
    return None


def serve(ledger: Ledger, lease: Lease, place: Place, photos: Sequence[Photo]) -> tuple[Served, ...]:
    """Lay the pictures open, each under a random name; those that lie there from an earlier try are used again.

    Raises:
        NeedsPerson: the folder cannot be written to.
        Refused: a picture changed since it was fitted.
        LeaseLost: another worker holds the post.
    """
    known = {pull.position: pull for pull in pulls.of_post(ledger, lease.post_id)}
    chosen: list[Pull] = []
    for position, photo in enumerate(photos):
        old = known.get(position)
        fits = old is not None and (old.sha256, old.size) == (photo.sha256, photo.size)
        chosen.append(old if fits and old is not None else _named(ledger, lease, position, photo))
    if made := [pull for pull in chosen if known.get(pull.position) is not pull]:
        pulls.announce(ledger, lease.post_id, lease.epoch, made)
    for pull, photo in zip(chosen, photos, strict=True):
        register(pull.name)
        _lay_open(place, pull, photo)
    return tuple(
        Served(place.url + pull.name, photo.what, photo.sha256, photo.size)
        for pull, photo in zip(chosen, photos, strict=True)
    )


def _named(ledger: Ledger, lease: Lease, position: int, photo: Photo) -> Pull:
    name = secrets.token_hex(NAME_BYTES) + photo.path.suffix
    return Pull(name, lease.post_id, position, photo.sha256, photo.size, ledger.now())


def _lay_open(place: Place, pull: Pull, photo: Photo) -> None:
    """Write the file whole before it has its name: TikTok must never fetch half of one."""
    picture = seal(photo.path)
    if picture.sha256 != photo.sha256:
        raise Refused(
            "file_changed",
            f"{photo.what} is no longer the picture that was fitted",
            item=photo.path.name,
            rule=f"SHA-256 {photo.sha256}",
            fix="publish again: it is fitted anew",
        )
    target, part = place.folder / pull.name, place.folder / f".{pull.name}.{secrets.token_hex(4)}.part"
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        if target.is_file() and seal(target).sha256 == pull.sha256:
            return
        try:
            with picture.opened() as reader, part.open("wb") as file:
                for block in reader.blocks(0, picture.size - 1):
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            part.chmod(READABLE)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as failed:
        raise NeedsPerson(
            "pull_dir_unwritable",
            f"{photo.what} cannot be written there: {failed.strerror or failed}",
            item=f"AIRDATE_PULL_DIR {place.folder}",
            rule="Airdate writes the pictures, the web server reads them",
            fix="let Airdate's user write to that folder, and see that its disk has room",
        ) from failed


def check_served(served: Sequence[Served], pause: Callable[[float], None]) -> None:
    """Fetch each picture once as TikTok will, so that a web server that is set up wrongly is found here and named.

    TikTok itself would only fail the whole post, without telling which picture or why. The address is the operator's
    own setting, so it is asked wherever it points; guards against strangers' addresses have no business here.

    Raises:
        NeedsPerson: the address does not give the picture back, byte for byte and without a redirect.
    """
    with httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as http:
        for picture in served:
            for look in range(1, LOOKS + 1):
                why = _wrong(http, picture)
                if why is None:
                    break
                if look == LOOKS:
                    raise _not_served(picture, why)
                pause(PAUSE_S)


def _wrong(http: httpx.Client, picture: Served) -> str | None:
    digest, size = hashlib.sha256(), 0
    try:
        with http.stream("GET", picture.url, headers={"Accept-Encoding": "identity"}) as answer:
            if answer.is_redirect:
                return f"it redirects (HTTP {answer.status_code})"
            if answer.status_code != 200:
                return f"it answers HTTP {answer.status_code}"
            for block in answer.iter_bytes():
                digest.update(block)
                size += len(block)
                if size > picture.size:
                    break
    except httpx.HTTPError as failed:
        return f"it does not answer ({type(failed).__name__})"
    if size != picture.size or digest.hexdigest() != picture.sha256:
        return "it gives other bytes than the picture's"
    return None


def _not_served(picture: Served, why: str) -> NeedsPerson:
    return NeedsPerson(
        "pull_not_served",
        f"{picture.what} cannot be fetched from AIRDATE_PULL_URL: {why}; TikTok was not asked",
        item="AIRDATE_PULL_URL",
        rule="TikTok, Media Transfer Guide: the address gives the file itself, to anybody, without a redirect",
        fix="let the web server show the files of AIRDATE_PULL_DIR under AIRDATE_PULL_URL, then publish again",
    )


def sweep(ledger: Ledger, folder: Path | None) -> int:
    """Take away the pictures of posts that ended a day ago, and whatever an earlier sweep left; idempotent.

    Only files of which the ledger says that they may go are touched: the folder may hold other things, and another
    Airdate's pictures.

    Args:
        folder: AIRDATE_PULL_DIR; None when it is not set, and then nothing is done.

    Returns:
        How many files were taken away.
    """
    if folder is None or not folder.is_dir():
        return 0
    for pull in pulls.outdated(ledger):
        pulls.give_up(ledger, pull)
    found = {path: match[1] for path in folder.iterdir() if (match := _OURS.fullmatch(path.name))}
    gone = pulls.given_up(ledger, list(found.values()))
    count = 0
    for path, name in found.items():
        if name not in gone:
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as failed:
            log.warning("a picture in AIRDATE_PULL_DIR could not be taken away: %s", failed.strerror)
        else:
            count += 1
    return count
