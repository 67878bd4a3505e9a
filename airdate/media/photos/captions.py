"""A photo's own caption, read from its metadata. Runs in child processes only."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from PIL import Image, ImageFile
from PIL.IptcImagePlugin import getiptcinfo

from airdate.media.photos.exif import read_tag

LONGEST = 200
"""Characters; more cannot be read in the seconds that a photo stands."""

_CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f]")
"""No letters; cameras fill the rest of a caption with zeros."""

_IMAGE_DESCRIPTION = 0x010E
_MAKE, _MODEL = 0x010F, 0x0110
_OF_A_CAMERA = re.compile(
    r".*digital camera|sony dsc|samsung camera pictures|exif_jpeg_picture|dcim\\.*|default|untitled", re.IGNORECASE
)
"""What cameras write where a person's words belong."""

_IPTC_CAPTION = (2, 120)
_DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_LONGEST_XMP = 1_000_000


def read_caption(image: ImageFile.ImageFile) -> str | None:
    """The caption in a photo's metadata: XMP's description, else IPTC's caption, else EXIF's; None if there is none."""
    for found in (_from_xmp(image), _from_iptc(image), _from_exif(image)):
        text = " ".join(_CONTROL.sub(" ", found or "").split())
        if text and not _is_of_a_camera(image, text):
            return text[:LONGEST]
    return None


def _is_of_a_camera(image: Image.Image, text: str) -> bool:
    return bool(_OF_A_CAMERA.fullmatch(text)) or text in (read_tag(image, _MAKE), read_tag(image, _MODEL))


def _from_xmp(image: Image.Image) -> str | None:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    packet = packet.encode() if isinstance(packet, str) else bytes(packet)
    if not 0 < len(packet) <= _LONGEST_XMP or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return None
    try:
        root = ET.fromstring(packet.strip(b"\0 \n"))  # noqa: S314  (no entities, and a child of bounded memory)
    except ET.ParseError:
        return None
    texts = {
        item.get(_LANGUAGE, "x-default"): item.text
        for description in root.iter(_DESCRIPTION)
        for item in description.iter()
        if item.text and item.text.strip()
    }
    return texts.get("x-default") or next(iter(texts.values()), None)


def _from_iptc(image: ImageFile.ImageFile) -> str | None:
    try:
        found = (getiptcinfo(image) or {}).get(_IPTC_CAPTION)
    except (SyntaxError, ValueError, LookupError, OSError):
        return None
    return _read(found) if isinstance(found, bytes) else None


def _from_exif(image: Image.Image) -> str | None:
    found = read_tag(image, _IMAGE_DESCRIPTION)
    return _read(found.encode("latin-1", "replace")) if isinstance(found, str) else None


def _read(text: bytes) -> str:
    """UTF-8, as editors write it, or Latin-1, as which Pillow reads it and old cameras wrote it."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
