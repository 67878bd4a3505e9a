"""Photos in sRGB, whatever their colours are: by their profile, or by what their file says in its place.

Runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from airdate.media.photos.codes import BT2020, DISPLAY_P3, HLG, LINEAR, PQ, SRGB, Codes, read_codes
from airdate.media.photos.jpeg2000 import read_jpeg2000
from airdate.media.photos.light import Curve, encoded, of_hlg, of_pq, of_srgb, shown_of_scene, toned_down

_PHOTOMETRIC, _MIN_IS_WHITE = 262, 0
"""A TIFF's tag, and its value for a negative."""

_PLAIN_GAMMA = 0.05
"""A PNG whose gamma is this near to sRGB's is taken for sRGB, as browsers do."""

_NEAR = 0.005
"""Primaries and whites this near to each other are the same; files have them rounded."""

_UNIT_TO = 2.0
"""Deep grey of numbers up to here means 1.0 by white: sharpening leaves values above it."""

_TINGE = 4
"""Levels by which colours that lossy formats make of grey may differ from grey."""

_ROWS = 256
"""Worked out at once; a whole photo would take 100 MB as numbers."""

_D65 = (0.3127, 0.3290)
_PRIMARIES = {
    SRGB: (0.640, 0.330, 0.300, 0.600, 0.150, 0.060),
    BT2020: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    DISPLAY_P3: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""Red, green and blue as x and y each (ITU-T H.273, table 2)."""

_RAMP = Image.frombytes("L", (256, 1), bytes(range(256))).convert("RGB")
"""All grey, by which it is seen whether a profile's values are light."""

_ROUNDED = 1
"""Levels by which that may differ."""

_SRGB = ImageCms.createProfile("sRGB")
_LAB = ImageCms.createProfile("LAB")


@dataclass(frozen=True, slots=True)
class Colours:
    """What a photo's values mean; sRGB without any of it.

    Attributes:
        profile: its ICC profile, which alone counts.
        curve: its own, where it is not sRGB's.
        matrix: from its light to sRGB's, where its primaries are others.
        hdr: the code of a curve that goes beyond white.
    """

    profile: bytes | None = None
    curve: Curve | None = None
    matrix: NDArray[Any] | None = None
    hdr: int | None = None

    @property
    def has_own_curve(self) -> bool:
        """Whether eight bits of its values are too few: those of HDR, and most profiles, are made for few bits."""
        return self.curve is not None and self.hdr is None

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to do without a profile."""
        return self.curve is None and self.matrix is None


def read_colours(image: ImageFile.ImageFile, path: Path) -> Colours:
    """What the file says, in the order in which players heed it.

    In a PNG code points come before the profile (PNG 3, 4.3); elsewhere behind it, but for HDR, for which profiles
    have no words.
    """
    profile = image.info.get("icc_profile")
    codes = read_codes(image, path)
    if codes is not None and (image.format == "PNG" or codes.is_hdr or not profile):
        return _coded(codes)
    if image.format == "JPEG2000":
        profile = read_jpeg2000(path).profile
    if profile:
        linear = _of_light(profile) if image.mode in ("RGB", "RGBA") else None
        return linear or Colours(profile=profile)
    return Colours() if "srgb" in image.info else _of_old_png(image)


def _of_light(profile: bytes) -> Colours | None:
    """What a profile of linear colours says; None of any other.

    It is tried, whatever its name. By the library that reads profiles its colours would be of eight bits.
    """
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        known = _colorants(source)
        if known is None or source.profile.xcolor_space.strip() != "RGB":
            return None
        turned = ImageCms.profileToProfile(_RAMP, source, _SRGB, outputMode="RGB", flags=ImageCms.Flags.NOOPTIMIZE)
    except (OSError, ImageCms.PyCMSError):
        return None
    wanted = encoded(np.arange(256) / 255)[:, np.newaxis].astype(int)
    if np.abs(np.asarray(turned)[0] - wanted).max() > _ROUNDED:
        return None
    own = cast("NDArray[Any]", _colorants(ImageCms.ImageCmsProfile(_SRGB)))
    return Colours(curve=np.positive, matrix=np.linalg.solve(own, known).astype(np.float32))


def _colorants(profile: ImageCms.ImageCmsProfile) -> NDArray[Any] | None:
    """XYZ of a profile's red, green and blue, one a column; None where it has tables in their place."""
    its = profile.profile
    found = [its.red_colorant, its.green_colorant, its.blue_colorant]
    return None if None in found else np.array([each[0] for each in found if each]).T


def _coded(codes: Codes) -> Colours:
    curves: dict[int, Curve] = {LINEAR: np.positive, PQ: of_pq, HLG: of_hlg}
    known = codes.primaries in _PRIMARIES and codes.primaries != SRGB
    matrix = _to_srgb(_PRIMARIES[codes.primaries]) if known else None
    return Colours(curve=curves.get(codes.curve), matrix=matrix, hdr=codes.curve if codes.is_hdr else None)


def _of_old_png(image: Image.Image) -> Colours:
    """Gamma and primaries of a PNG, as editors wrote them before profiles."""
    gamma, said = image.info.get("gamma"), image.info.get("chromaticity")
    curve = None
    if gamma and 0.1 <= gamma <= 10 and abs(gamma * 2.2 - 1) >= _PLAIN_GAMMA:
        curve = _power(1 / gamma)
    matrix = None
    if gamma and said and _is_near(said[:2], _D65) and not _is_near(said[2:], _PRIMARIES[SRGB]):
        matrix = _to_srgb(said[2:])
    return Colours(curve=curve, matrix=matrix)


def _power(exponent: float) -> Curve:
    return lambda values: np.power(values, exponent)


def _is_near(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(each - its) <= _NEAR for each, its in zip(one, other, strict=True))


def _to_srgb(primaries: Sequence[float]) -> NDArray[Any] | None:
    """From light of some primaries to that of sRGB's, both with the white D65; None if they are no primaries."""
    try:
        return np.linalg.solve(_xyz(_PRIMARIES[SRGB]), _xyz(primaries)).astype(np.float32)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None


def _xyz(primaries: Sequence[float]) -> NDArray[Any]:
    """From light of the primaries to CIE's XYZ (SMPTE RP 177)."""
    columns = np.array(
        [[x / y, 1, (1 - x - y) / y] for x, y in (*zip(primaries[::2], primaries[1::2], strict=True), _D65)]
    )
    return columns[:3].T * np.linalg.solve(columns[:3].T, columns[3])


def in_srgb(picture: Image.Image, original: Image.Image, colours: Colours) -> Image.Image:
    """A picture in sRGB; deep grey as grey of eight bits.

    Args:
        original: what it was before it was resized.
    """
    if picture.mode == "F":
        return _of_deep_grey(picture, original, _levels(colours))
    if picture.mode == "LAB":
        # What is worked out once for all colours of a grid is 10 of 255 off here; this takes 0.8 s for a frame.
        turned = ImageCms.profileToProfile(picture, _LAB, _SRGB, outputMode="RGB", flags=ImageCms.Flags.NOOPTIMIZE)
        return turned or picture
    if picture.mode not in ("RGB", "RGBA", "CMYK", "L", "LA"):
        return picture
    if colours.profile:
        return _by_profile(picture, colours.profile)
    if colours.is_plain or picture.mode == "CMYK":
        return picture
    if picture.mode in ("L", "LA"):
        return _by_levels(picture, _levels(colours))
    return _by_light(picture, colours)


def _by_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    """By the picture's ICC profile; one that is damaged or of another colour model says nothing about these pixels."""
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    plain = picture.convert(picture.mode.removesuffix("A")) if alpha is not None else picture
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if _is_of_grey(source):
            return _by_levels(_as_grey(picture), _profiled_levels(source)) if _is_grey(plain) else picture
        turned = ImageCms.profileToProfile(plain, source, _SRGB, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return picture
    if turned is None:
        return picture
    if alpha is not None:
        turned.putalpha(alpha)
    return turned


def _is_of_grey(profile: ImageCms.ImageCmsProfile) -> bool:
    return profile.profile.xcolor_space.strip() == "GRAY"


def _is_grey(picture: Image.Image) -> bool:
    """Whether a picture is grey, whatever it is stored as: libraries make colour of grey that has transparency."""
    if picture.mode != "RGB":
        return picture.mode == "L"
    pixels = np.asarray(picture)
    return int((pixels.max(axis=2) - pixels.min(axis=2)).max()) <= _TINGE


def _as_grey(picture: Image.Image) -> Image.Image:
    return picture.convert("LA" if picture.mode in ("RGBA", "LA") else "L")


def levels_of_deep(colours: Colours, *, is_grey: bool) -> tuple[NDArray[np.uint8], Colours]:
    """By what sixteen bits become eight: levels for each of the 65,536; and what those then still have to become."""
    if is_grey:
        return _levels(colours), Colours()
    if colours.has_own_curve:
        return _curved_levels(colours), Colours(matrix=colours.matrix)
    return _curved_levels(Colours()), colours


def _levels(colours: Colours) -> NDArray[np.uint8]:
    """SRGB's level of each of the 65,536 of deep grey."""
    if colours.profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(colours.profile))
            if _is_of_grey(source):
                return _profiled_levels(source)
        except (OSError, ImageCms.PyCMSError):
            pass  # as of any other profile that says nothing about grey
    return _curved_levels(colours)


def _curved_levels(colours: Colours) -> NDArray[np.uint8]:
    ramp = np.arange(65_536, dtype=np.uint32)
    if colours.curve is None:
        return ((ramp + 128) // 257).astype(np.uint8)
    light = colours.curve(ramp.astype(np.float32) / 65_535)
    return encoded(_seen(light[:, np.newaxis], colours)[:, 0])


def _profiled_levels(profile: ImageCms.ImageCmsProfile) -> NDArray[np.uint8]:
    """By a profile of grey, level by level: what is worked out on a grid of 33 loses the darks of a linear one."""
    ramp = Image.frombytes("I;16", (65_536, 1), np.arange(65_536, dtype="<u2").tobytes())
    turned = ImageCms.profileToProfile(ramp, profile, _SRGB, outputMode="RGB", flags=ImageCms.Flags.NOOPTIMIZE)
    return np.asarray(cast("Image.Image", turned))[0, :, 1]


def _by_levels(picture: Image.Image, levels: NDArray[np.uint8]) -> Image.Image:
    """Grey of eight bits, with transparency or without, by a table for deep grey."""
    table = levels[::257].tolist()
    return picture.point(table if picture.mode == "L" else [*table, *range(256)])


def _of_deep_grey(picture: Image.Image, original: Image.Image, levels: NDArray[np.uint8]) -> Image.Image:
    """Deep grey, of 0 to 65535 or of 0.0 to 1.0, which Pillow would clip to white."""
    most = cast("tuple[float, float]", original.getextrema())[1] if original.mode == "F" else 65_535
    unit = 65_535 if most <= _UNIT_TO else 1
    deep = np.nan_to_num(np.asarray(picture)) * unit + 0.5
    places = deep.clip(0, 65_535).astype(np.uint16)
    return Image.fromarray(levels[65_535 - places if _is_negative(original) else places])


def _is_negative(image: Image.Image) -> bool:
    """Whether a deep TIFF's zero is white; Pillow turns only those of eight bits round."""
    return isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == _MIN_IS_WHITE


def _by_light(picture: Image.Image, colours: Colours) -> Image.Image:
    """Colour by colour: to light, to sRGB's primaries, and back to values."""
    pixels = np.array(picture.convert("RGB"))
    table = (colours.curve or of_srgb)(np.arange(256, dtype=np.float32) / 255).astype(np.float32)
    for top in range(0, len(pixels), _ROWS):
        rows = pixels[top : top + _ROWS]
        rows[:] = encoded(_seen(table[rows], colours))
    turned = Image.fromarray(pixels)
    if picture.mode == "RGBA":
        turned.putalpha(picture.getchannel("A"))
    return turned


def _seen(light: NDArray[Any], colours: Colours) -> NDArray[Any]:
    """Light of the photo as light of sRGB; the last axis is red, green and blue, or grey alone."""
    if colours.hdr == HLG:
        light = shown_of_scene(light)
    if colours.matrix is not None and light.shape[-1] == 3:
        light = light @ colours.matrix.T
    return toned_down(light) if colours.hdr is not None else light
