"""This machine: the home, its disk, ffmpeg, our packages, the folder for photos, the webhooks' secrets."""

from __future__ import annotations

import shutil
import stat
import tempfile
from pathlib import Path

from airdate import pull_store
from airdate.doctor.check import Check, guarded, right, wrong
from airdate.environment import WEBHOOK_SECRET_FILE
from airdate.gateway.signatures import keys_of
from airdate.ledger.vault import KEY_FILE
from airdate.media.clauses import NORMAL_FPS
from airdate.media.normalize import encoder
from airdate.media.profile import Profile
from airdate.media.programs import ffprobe, hardware
from airdate.media.programs.ffmpeg import program
from airdate.profiles import default_profile
from airdate.settings import Settings
from airdate.store import Store, eviction
from airdate.up import SHADOWABLE, check_packages

LEAST_FREE = 10_000_000_000
"""Bytes: a film of 4 GB lies here as original, as rendition, and as what the encoder has written so far."""

STRANGERS = ("tasks.py", "flows.py", "blocks.py", "deployments.py", "airdate.py")


def look(settings: Settings) -> list[Check]:
    """All of it."""
    return [
        _home(settings.home),
        _disk(settings.home),
        guarded("store", lambda: _store(settings)),
        guarded("ffmpeg", lambda: right("ffmpeg", f"{program()} has what is needed")),
        guarded("ffprobe", _ffprobe),
        guarded("encoder", _encoder),
        guarded("profile", lambda: right("profile", f"films are made by {default_profile(settings).name}")),
        guarded("packages", _packages),
        _webhooks(settings),
        _pulls(settings),
    ]


def _home(home: Path) -> Check:
    name = "home"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as failed:
        return wrong(name, f"{home} cannot be written: {failed.strerror}", "make it writable, or set AIRDATE_HOME")
    if home.stat().st_mode & stat.S_IWOTH:
        return wrong(name, f"every user of this machine can write in {home}", f"chmod o-w {home}")
    for secret in (home / KEY_FILE, home / WEBHOOK_SECRET_FILE):
        if secret.exists() and secret.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return wrong(name, f"others than its owner can read {secret}", f"chmod 600 {secret}, and renew the secret")
    return right(name, f"{home} is writable, and its secrets are private")


def _disk(home: Path) -> Check:
    free = shutil.disk_usage(home if home.exists() else home.parent).free
    said = f"{free / 1e9:.1f} GB are free in {home}"
    if free < LEAST_FREE:
        return wrong("disk", said, f"make room: {LEAST_FREE / 1e9:.0f} GB let a film of any size pass")
    return right("disk", said)


def _store(settings: Settings) -> Check:
    name, most = "store", settings.store_max_bytes
    held = eviction.size_of(Store(settings.store))
    said = f"{held / 1e9:.1f} of at most {most / 1e9:.1f} GB are in {settings.store}"
    if held > most:
        fix = "wait a day, or set AIRDATE_STORE_MAX_BYTES to more: what was used within a day or a post needs stays"
        return wrong(name, said, fix)
    shelf = settings.shelf
    if shelf is None:
        return right(name, said)
    try:
        with tempfile.TemporaryFile(dir=shelf):
            pass
    except OSError as failed:
        fix = "mount it, and let Airdate write there; until then nothing is shared between hosts"
        return wrong(name, f"AIRDATE_SHELF {shelf} cannot be written: {failed.strerror}", fix)
    return right(name, f"{said}; shared by {shelf}")


def _ffprobe() -> Check:
    place = ffprobe.program()
    if place is None:
        return right("ffprobe", "none is here: Dolby Vision in a transport stream is not seen")
    return right("ffprobe", f"{place} reads what the embedded reader does not")


def _encoder() -> Check:
    chosen, word = hardware.choose(encoder(Profile(), NORMAL_FPS))
    if word is not None:
        return wrong("encoder", word, "mend its driver, or set AIRDATE_ENCODER to auto or software")
    return right("encoder", f"{chosen.name} encodes films" if chosen is not None else "x264 encodes films")


def _packages() -> Check:
    check_packages()
    near = [stranger for stranger in STRANGERS if (Path.cwd() / stranger).exists()]
    if near:
        return wrong(
            "packages",
            f"{', '.join(near)} in {Path.cwd()} may be imported instead of Airdate's own packages",
            "start Airdate from a folder without such files",
        )
    return right("packages", f"{', '.join(SHADOWABLE)} are Airdate's own")


def _webhooks(settings: Settings) -> Check:
    name = "webhook secrets"
    if not settings.webhook_secrets:
        return right(name, "none is set: the gateway runs beside the sandbox only, with a secret of its own")
    return guarded(name, lambda: right(name, f"{len(keys_of(settings.webhook_secrets))} set"))


def _pulls(settings: Settings) -> Check:
    name = "photo posts"
    missing = pull_store.missing_settings(settings)
    if len(missing) == 2:
        return right(name, "AIRDATE_PULL_DIR and AIRDATE_PULL_URL are not set, so photos become a slideshow")
    if missing:
        return wrong(name, f"{missing[0]} is not set, and the other one is", f"set {missing[0]}, or unset the other")

    def placed() -> Check:
        place = pull_store.place_of(settings, settings.tiktok_api_url)
        try:
            with tempfile.TemporaryFile(dir=place.folder):
                pass
        except OSError as failed:
            return wrong(name, f"{place.folder} cannot be written: {failed.strerror}", "make it, and let Airdate write")
        return right(name, f"{place.folder} is served as {place.url}")

    return guarded(name, placed)
