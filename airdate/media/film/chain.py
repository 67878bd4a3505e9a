"""The picture of a rendition: one filter chain from whatever was shot to upright, square, constant BT.709."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import ffmpeg as graph

from airdate.media.clauses import assumed_matrix
from airdate.media.film.safe_zones import Box, fitted, whole_box
from airdate.media.probe import Picture
from airdate.media.profile import BLUR_WIDTH, REFERENCE_WHITE, Framing

MOST_GROUNDS = 8
"""Backgrounds a second: nobody sees that so soft a picture moves in steps, and encoding thirty costs 1.5 times what a
black frame costs, eight 1.3 times."""

_EXACT = "+full_chroma_int+full_chroma_inp"
"""Where colours change their matrix they are 4 of 255 off without this, and 2 with it, for a fifth more scaling."""

_TAGS = {"range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
_MATRICES = {
    "bt709": "bt709",
    "smpte170m": "bt601",
    "bt470bg": "bt601",
    "fcc": "fcc",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
_WIDE = ("bt2020", "smpte431", "smpte432", "film")

Corner = tuple[int, int]


def filtered(
    picture: Picture,
    stream: Any,
    size: tuple[int, int],
    framing: Framing,
    fps: float,
    corner: Corner | None,
    box: Box | None = None,
) -> Any:
    """The chain. Frames are dropped first, so that none is scaled in vain; framing before tone-mapping likewise.

    Frames are repeated last: where a screen stood still for a minute, ffmpeg holds all of that minute's frames at once,
    which takes gigabytes unless they are one frame.

    Args:
        corner: left and top of the window that `smart` keeps of the covering picture.
        box: the part of the frame that `pad` and `blur` fit the picture into; None for all of it.
    """
    if picture.is_interlaced or picture.may_interlace:
        stream = _deinterlaced(picture, stream)
    rate = exact_rate(fps)
    repeats = picture.fps < fps or (picture.is_variable and picture.fps <= fps)
    stream = stream if repeats else _at(stream, rate)
    if picture.has_alpha:
        stream = _over_black(picture, stream)
    stream = _cropped(picture, stream)
    framed = _framed(picture, stream, size, framing, None if repeats else rate, corner, box or whole_box(size))
    framed = _at(framed, rate) if repeats else framed
    if picture.is_hdr:
        # Light levels of the source would tell players that this is still HDR.
        framed = framed.filter("sidedata", mode="delete")
    return framed.filter("setsar", 1).filter("setparams", **_TAGS)


def takes_changes(picture: Picture) -> bool:
    """Whether the chain can go on where pictures change their size or depth; begun anew it loses some, and time.

    Scaling, the first that looks at a picture, can. What de-interlaces or crops cannot.
    """
    return not (picture.is_interlaced or picture.may_interlace or any(picture.crop))


def _deinterlaced(picture: Picture, stream: Any) -> Any:
    """Whole pictures of fields, which are the rows of what was shot: what ffmpeg has turned by now is turned back."""
    turns = picture.rotation // 90 % 4
    stream = _turned(stream, -turns).filter("bwdif", mode="send_frame", deint="interlaced")
    return _turned(stream, turns)


def _turned(stream: Any, turns: int) -> Any:
    """The picture turned by quarters against the clock; by two of them its rows alone, which is enough for fields."""
    if turns % 4 == 2:
        return stream.filter("vflip")
    return stream if turns % 4 == 0 else stream.filter("transpose", "cclock" if turns % 4 == 1 else "clock")


def _over_black(picture: Picture, stream: Any) -> Any:
    """Multiplied by its alpha, a picture is what it would be over black; ffmpeg alone takes any matrix for BT.601."""
    stream = stream.filter("scale", in_color_matrix=_matrix(picture), flags=f"bicubic+accurate_rnd{_EXACT}")
    return stream.filter("format", "gbrap").filter("premultiply", inplace=1).filter("format", "gbrp")


def _cropped(picture: Picture, stream: Any) -> Any:
    """Without what the container hides: FFmpeg 7.1 and newer have cut it off by then, older ones know nothing of it.

    What is too wide by both edges is cut by their parts of it, and what is not is left alone.
    """
    turns = picture.rotation // 90 % 4
    left, top, right, bottom = picture.crop[turns:] + picture.crop[:turns]
    if not any(picture.crop):
        return stream
    coded = (picture.height, picture.width) if turns % 2 else (picture.width, picture.height)
    return stream.filter(
        "crop",
        f"min(iw,{coded[0] - left - right})",
        f"min(ih,{coded[1] - top - bottom})",
        f"(iw-ow)*{left}/{max(1, left + right)}",
        f"(ih-oh)*{top}/{max(1, top + bottom)}",
    )


def _framed(
    picture: Picture,
    stream: Any,
    size: tuple[int, int],
    framing: Framing,
    rate: Fraction | None,
    corner: Corner | None,
    box: Box,
) -> Any:
    """The picture inside the frame, never stretched; `rate` is None where frames do not come evenly."""
    width, height = size
    if framing is Framing.KEEP:
        return _scaled(picture, stream, width, height)
    if framing in (Framing.CROP, Framing.SMART):
        cover = covering(picture, size)
        left, top = corner or ((cover[0] - width) // 2, (cover[1] - height) // 2)
        return _scaled(picture, stream, *cover).filter("crop", width, height, left, top)
    left, top, inner_width, inner_height = fitted(picture.shown, box)
    if framing is Framing.PAD:
        front = _scaled(picture, stream, inner_width, inner_height)
        return front.filter("pad", width, height, left, top, color="black")
    halves = stream.split()
    small = (BLUR_WIDTH, even(BLUR_WIDTH * height / width))
    behind = halves[0] if rate is None else _at(halves[0], rate / ceil(rate / MOST_GROUNDS))
    ground = (
        _scaled(picture, behind, *covering(picture, small), flags="area")
        .filter("crop", *small)
        .filter("gblur", sigma=2)
        .filter("scale", width, height, flags="bicubic")
        .filter("setsar", 1)
    )
    ground = ground if rate is None else _at(ground, rate)
    front = _scaled(picture, halves[1], inner_width, inner_height).filter("setsar", 1)
    return graph.overlay(ground, front, x=left, y=top)


def _at(stream: Any, rate: Fraction) -> Any:
    return stream.filter("fps", fps=f"{rate.numerator}/{rate.denominator}", start_time=0)


def covering(picture: Picture, size: tuple[int, int]) -> tuple[int, int]:
    """The smallest even size in which the picture covers a frame."""
    width, height = picture.shown
    factor = max(size[0] / width, size[1] / height)
    return max(size[0], even(width * factor)), max(size[1], even(height * factor))


def exact_rate(fps: float) -> Fraction:
    """The fraction a measured rate stands for: 29.97003 is 30000/1001."""
    near = (Fraction(whole * 1000, part) for whole in (24, 25, 30, 48, 50, 60) for part in (1000, 1001))
    nearest = min(near, key=lambda rate: abs(float(rate) - fps))
    return nearest if abs(float(nearest) - fps) < 0.0005 * fps else Fraction(fps).limit_denominator(1001)


def even(value: float) -> int:
    """The nearest even number of pixels, two at least."""
    return max(2, round(value / 2) * 2)


def _scaled(picture: Picture, stream: Any, width: int, height: int, *, flags: str = "bicubic") -> Any:
    if picture.is_hdr:
        return _tone_mapped(picture, stream, width, height)
    if picture.primaries in _WIDE and not _is_rgb(picture):
        return _narrowed(picture, stream, width, height)
    options = {"flags": f"{flags}+accurate_rnd", "out_color_matrix": "bt709", "out_range": "tv"}
    if not _is_rgb(picture):
        # ProRes says 0 where it says nothing, which ffmpeg 9 refuses to scale; only the matrix matters here. What each
        # picture says of it is believed, for joined films change it.
        unsaid = {"colorspace": "unknown"} if picture.matrix is None else {}
        stream = stream.filter("setparams", color_primaries="unknown", color_trc="unknown", **unsaid)
        options["in_color_matrix"] = _matrix(picture) if picture.matrix is None else "auto"
    if _is_rgb(picture) or _matrix(picture) != "bt709":
        options["flags"] += _EXACT
    if picture.range == "pc":
        options["in_range"] = "pc"
    return stream.filter("scale", width, height, **options).filter("format", "yuv420p")


def _matrix(picture: Picture) -> str:
    """What a picture says of itself, or what its size suggests."""
    return _MATRICES.get(picture.matrix or "", _MATRICES[assumed_matrix(picture.height)])


def _is_rgb(picture: Picture) -> bool:
    formats = ("rgb", "bgr", "gbr", "argb", "abgr", "pal8", "gray", "ya", "yuva", "mono")
    return picture.has_alpha or (picture.pix_fmt or "").startswith(formats)


def _tone_mapped(picture: Picture, stream: Any, width: int, height: int) -> Any:
    """HDR as SDR: scaled first, because tone-mapping 4K costs eight times as much; mobius kept bright skies best.

    The tags come first because zscale finds no way between colours when one of them is unknown.
    """
    return (
        stream.filter(
            "setparams",
            color_primaries=picture.primaries or "bt2020",
            color_trc=picture.transfer,
            colorspace=picture.matrix if picture.matrix in _MATRICES else "bt2020nc",
        )
        .filter("zscale", w=width, h=height, f="bicubic")
        .filter("zscale", t="linear", p="bt709", npl=REFERENCE_WHITE)
        .filter("format", "gbrpf32le")
        .filter("tonemap", "mobius", param=0.3, desat=0)
        .filter("zscale", t="bt709", m="bt709", r="tv", npl=REFERENCE_WHITE)
        .filter("format", "yuv420p")
    )


def _narrowed(picture: Picture, stream: Any, width: int, height: int) -> Any:
    """A wide gamut without HDR, such as Display P3: the same colours in BT.709, as far as it has them."""
    return (
        stream.filter(
            "setparams",
            color_primaries=picture.primaries,
            color_trc=picture.transfer or "bt709",
            colorspace=picture.matrix if picture.matrix in _MATRICES else "bt709",
            range=picture.range or "tv",
        )
        .filter("zscale", w=width, h=height, f="bicubic", p="bt709", t="bt709", m="bt709", r="tv")
        .filter("format", "yuv420p")
    )
