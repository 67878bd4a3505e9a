"""From what people type as SOURCE to the asset it means."""

from __future__ import annotations

import hashlib
import os
import re
from urllib.parse import unquote, urlsplit

from airdate.errors import WrongUsage
from airdate.post import AssetRef
from airdate.settings import origin_of
from airdate.sources.files import resolve_file
from airdate.sources.origins import parse_url

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_FILE_URL = re.compile(r"file:/", re.IGNORECASE)
_QUERY_DIGITS = 12


def reference(text: str) -> tuple[AssetRef, str]:
    """The asset that a SOURCE argument means, and its locator.

    The ref can be stored and shown: of a URL's query, which may be a signature, it holds only a hash. The locator
    reaches the file and may be a secret. A file that exists is a file, however odd its name.

    Raises:
        WrongUsage: no such file, or a URL that cannot be asked.
    """
    if os.path.lexists(text) or not (_URL.match(text) or _FILE_URL.match(text)):
        return _file(text)
    if _FILE_URL.match(text):
        return _file(_path_of(text))
    url = parse_url(text)
    asset_id = origin_of(str(url)) + url.raw_path.partition(b"?")[0].decode("ascii")
    if url.query:
        asset_id += "#" + hashlib.sha256(url.query).hexdigest()[:_QUERY_DIGITS]
    return AssetRef("url", asset_id), str(url)


def _path_of(file_url: str) -> str:
    """The path of a `file:` URL; `?` and `#` end it, so a name that has them is written `%3F` and `%23`."""
    parts = urlsplit(file_url)
    if parts.netloc not in ("", "localhost"):
        raise WrongUsage(
            "file_url_host",
            f"the file is on {parts.netloc}, not here",
            item=file_url,
            rule="a file: URL has no host, or localhost",
            fix="write file:///folder/name, or give an https:// URL",
        )
    return unquote(parts.path, errors="surrogateescape")


def _file(text: str) -> tuple[AssetRef, str]:
    path = str(resolve_file(text))
    return AssetRef("file", path), path
