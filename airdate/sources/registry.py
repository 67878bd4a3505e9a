"""Which source answers to which name."""

from __future__ import annotations

from airdate.errors import WrongUsage
from airdate.settings import Settings
from airdate.sources.contract import Source
from airdate.sources.files import FileSource
from airdate.sources.web import UrlSource
from airdate.store import Store


def source_named(name: str, *, settings: Settings, store: Store) -> Source:
    """The source that `AssetRef.source` names.

    Raises:
        WrongUsage: there is none of that name.
    """
    match name:
        case "file":
            return FileSource()
        case "url":
            return UrlSource(settings, store)
    raise WrongUsage(
        "source_unknown",
        f"there is no source named {name!r}",
        item=name,
        rule="an asset comes from file or url",
        fix="name the asset by a path or an https:// URL",
    )
