"""The child's side of a photo post: each picture into the form that TikTok takes, with the least work.

Runs in child processes only: Pillow and libheif decode what strangers made.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, product
from pathlib import Path
from typing import Any, cast

from PIL import Image, ImageChops, ImageCms

from airdate.errors import Refused
from airdate.media.photos.exif import TURNS, orientation
from airdate.media.photos.photo import FORMATS, read_facts, read_photo
from airdate.media.photos.stripping import stripped_jpeg, stripped_webp

SHORT_SIDE, LONG_SIDE = 1080, 1920
"""TikTok takes 1080p at most (Media Transfer Guide); it is the shorter side that may not exceed 1080 (observed)."""

MAX_BYTES = 20_000_000
"""20 MB each, read as decimal (TikTok, Media Transfer Guide)."""

QUALITY = 95
"""Of a JPEG that is made anew. TikTok encodes it once more; 20 MB are far away at this size."""

SUFFIXES = {"JPEG": ".jpg", "WEBP": ".webp"}
"""What TikTok takes (Media Transfer Guide); everything else becomes JPEG."""


SAME = 3
"""Levels by which a profile of sRGB may differ from sRGB: some round their curve, or hold it as a power of 2.2."""

_SRGB = ImageCms.createProfile("sRGB")
_COLOURS = Image.frombytes("RGB", (25, 5), bytes(chain.from_iterable(product((0, 64, 128, 192, 255), repeat=3))))
"""Five levels of each colour with each of the others, by which a profile is tried."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a picture's header says.

    Attributes:
        format: Pillow's name of it.
        size: width and height as shown.
        why: the reasons for which its pixels cannot go out as they are.
        has_profile: it has a colour profile, which is sRGB when it may stay.
    """

    format: str
    size: tuple[int, int]
    why: tuple[str, ...]
    has_profile: bool

    @property
    def fitted(self) -> tuple[int, int]:
        """Width and height it goes out with; never larger than it is."""
        short, long = sorted(self.size)
        factor = min(1.0, SHORT_SIDE / short, LONG_SIDE / long)
        width, height = (max(1, int(side * factor)) for side in self.size)
        return width, height


def fit_each(paths: Sequence[str], names: Sequence[str], folder: str) -> Iterator[dict[str, Any]]:
    """Fit each picture and write it into a folder under its own hash; says its facts after each.

    Raises:
        Refused: a file is no picture, too large, or damaged; the message names its place.
    """
    for number, (path, name) in enumerate(zip(paths, names, strict=True), 1):
        try:
            yield _fit(Path(path), name, Path(folder))
        except Refused as refused:
            raise Refused(
                refused.code,
                f"photo {number} of {len(paths)}: {refused.message}",
                item=name,
                rule=refused.rule,
                fix=refused.fix,
            ) from None


def _fit(path: Path, name: str, folder: Path) -> dict[str, Any]:
    found = _look(path, name)
    data, words = (None, found.why) if found.why else _kept(path, name, found)
    suffix = SUFFIXES["JPEG"] if data is None else SUFFIXES[found.format]
    if data is None:
        data = _encoded(path, name, found)
    sha256 = hashlib.sha256(data).hexdigest()
    target = folder / f"{sha256}{suffix}"
    part = folder / f".{target.name}.{os.getpid()}.part"
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return {"file": target.name, "sha256": sha256, "size": len(data), "reasons": list(words)}


def _look(path: Path, name: str) -> Found:
    """Judge a picture by its header; not a pixel is decoded before its size is known to be harmless."""
    facts = read_facts(path, name)
    if facts is None:
        raise Refused(
            "photo_post_film",
            "this is no photo, and a photo post takes nothing else",
            item=name,
            rule="TikTok, Photo Post reference: photos only",
            fix="leave it out; a film is posted by itself",
        )
    with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
        warnings.simplefilter("ignore")
        profile = image.info.get("icc_profile")
        # A file with a second picture behind the first, as phones write it, is a JPEG all the same.
        kind = "JPEG" if facts["format"] == "MPO" else facts["format"]
        found = Found(kind, (facts["width"], facts["height"]), (), bool(profile))
        width, height = found.fitted
        size = path.stat().st_size
        checks = {
            f"{kind} → JPEG, because TikTok takes JPEG and WebP only": kind not in SUFFIXES,
            f"{found.size[0]}×{found.size[1]} → {width}×{height}, because TikTok takes {SHORT_SIDE} pixels on the "
            f"shorter side and {LONG_SIDE} on the longer at most": found.size != (width, height),
            "turned by a mark in the file → turned in the picture itself": orientation(image) in TURNS,
            "other colours → sRGB, which every phone shows alike": _is_wide(image, profile),
            "transparent → over white": image.has_transparency_data,
            "moving → its first picture": kind == "WEBP" and getattr(image, "n_frames", 1) > 1,
            "progressive → baseline": kind == "JPEG" and bool(image.info.get("progressive")),
            f"{size:,} bytes → at most {MAX_BYTES:,}": kind in SUFFIXES and size > MAX_BYTES,
        }
    return Found(kind, found.size, tuple(words for words, applies in checks.items() if applies), bool(profile))


def _is_wide(image: Image.Image, profile: bytes | None) -> bool:
    """Whether its colours are not sRGB by what it says of itself; one that says nothing is sRGB to every player.

    A profile is tried, whatever its name: "Linear sRGB" is as far from sRGB as any.
    """
    if image.mode not in ("RGB", "RGBA", "L", "P", "1", "LA"):
        return True
    if not profile:
        return False
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        before = _COLOURS if source.profile.xcolor_space.strip() == "RGB" else _COLOURS.convert("L")
        after = ImageCms.profileToProfile(before, source, _SRGB, outputMode="RGB", flags=ImageCms.Flags.NOOPTIMIZE)
    except (ImageCms.PyCMSError, OSError):
        return True
    differences = ImageChops.difference(before.convert("RGB"), cast("Image.Image", after)).tobytes()
    return max(differences) > SAME


def _kept(path: Path, name: str, found: Found) -> tuple[bytes | None, tuple[str, ...]]:
    """The picture without its metadata, its pixels as they are; None when the file does not let itself be cut."""
    data = path.read_bytes()
    bare = stripped_webp(data) if found.format == "WEBP" else stripped_jpeg(data, with_profile=found.has_profile)
    if bare is None:
        return None, ("made anew as baseline JPEG, because its form is unusual",)
    _check_decodes(bare, name)
    if bare == data:
        return data, ("as it is, byte for byte",)
    return bare, ("the picture as it is; place, camera and other metadata taken out",)


def _check_decodes(data: bytes, name: str) -> None:
    """Decode what goes out, to its end: TikTok fails the whole post for one picture that does not.

    Raises:
        Refused: the picture is cut off.
    """
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(data), formats=tuple(SUFFIXES)) as image:
            warnings.simplefilter("ignore")
            image.load()
    except (OSError, SyntaxError, ValueError, LookupError, EOFError) as failed:
        raise Refused(
            "photo_damaged",
            f"the photo cannot be read to its end: {type(failed).__name__}",
            item=name,
            rule="a photo is complete",
            fix="export or download it again",
        ) from None


def _encoded(path: Path, name: str, found: Found) -> bytes:
    picture = read_photo(path, name, frame=found.fitted)
    out = BytesIO()
    picture.info.clear()
    picture.save(out, "JPEG", quality=QUALITY, subsampling="4:4:4", optimize=True)
    return out.getvalue()
