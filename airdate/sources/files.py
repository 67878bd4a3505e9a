"""Local files: the paths that people type, and the bytes behind them."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

from airdate.errors import Refused, WrongUsage
from airdate.files import seal
from airdate.post import AssetRef, Original
from airdate.sources.contract import Progress, changed_since_approval, pinned_hash


def resolve_file(text: str) -> Path:
    """The absolute path of a readable file, symbolic links followed.

    A file without bytes passes: that is a fault of the media, found when it is fetched, and not of the command.

    Raises:
        WrongUsage: nothing there, a folder, a pipe or device, unreadable, or a name that is no UTF-8.
    """
    try:
        path = Path(text).resolve(strict=True)
        mode = path.stat().st_mode
    except PermissionError:
        raise _unreadable(text) from None
    except (OSError, ValueError, RuntimeError):
        raise _missing(text) from None
    if not text:
        raise _missing(text)
    if stat.S_ISDIR(mode):
        raise _wrong("file_is_folder", text, "it is a folder", "name the files in it, photos in their order")
    if not stat.S_ISREG(mode):
        raise _wrong("file_not_regular", text, "it is a pipe or a device", "save it as a file first")
    if not os.access(path, os.R_OK):
        raise _unreadable(text)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise _wrong("file_name_invalid", ascii(text), "its name is no valid UTF-8", "rename the file") from None
    return path


class FileSource:
    """Files of this host, used where they lie.

    Copying 4 GB into the store would buy little: the approved hash is compared here, and once more on upload.
    """

    def fetch(self, ref: AssetRef, locator: str, *, on_progress: Progress | None = None) -> Original:
        """Hash the file and compare it with the approved revision; see `contract.Source.fetch`."""
        path = resolve_file(locator)
        size = path.stat().st_size
        if size == 0:
            raise Refused(
                "media_empty",
                "the file has 0 bytes",
                item=str(path),
                rule="a film or picture has bytes",
                fix="export or copy it again",
            )
        sha256 = seal(path).sha256
        if (approved := pinned_hash(ref)) and approved != sha256:
            raise changed_since_approval(str(path), f"its SHA-256 is {sha256}, approved was {approved}")
        if on_progress:
            on_progress(size, size)
        return Original(ref=replace(ref, revision=ref.revision or sha256), path=path, sha256=sha256, size=size)


def _missing(text: str) -> WrongUsage:
    return _wrong("file_missing", text, "no such file", "check the name and the folder")


def _unreadable(text: str) -> WrongUsage:
    return _wrong("file_unreadable", text, "it may not be read by this user", "change its permissions")


def _wrong(code: str, text: str, why: str, fix: str) -> WrongUsage:
    return WrongUsage(code, why, item=text or "''", rule="a source is a readable file or an https:// URL", fix=fix)
