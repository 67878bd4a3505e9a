"""Curves between values and light, in numbers of which white has 1.0; and HDR as SDR.

Values are 0.0 to 1.0. Runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airdate.media.profile import REFERENCE_WHITE

Curve = Callable[[NDArray[Any]], NDArray[Any]]
"""From values, 0.0 to 1.0, to light, of which white has 1.0."""

HLG_PEAK = 1000
"""Nits of the screen for which HLG is worked out: on it HLG's white has those of the reference (ITU-R BT.2408)."""

KNEE = 0.85
"""Light up to here, of white, stays as it is. White comes out as 246 of 255, and highlights above it are still told
apart; a lower knee of 0.5 would make it 224, which is grey beside a picture that never was HDR."""

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], dtype=np.float32)
"""Of the primaries of BT.2020 (ITU-R BT.2100)."""


def of_srgb(values: NDArray[Any]) -> NDArray[Any]:
    """Light of sRGB's values (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def of_pq(values: NDArray[Any]) -> NDArray[Any]:
    """Light of PQ's values (SMPTE ST 2084), by the reference white."""
    power = values ** (1 / 78.84375)
    nits = 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    return nits / REFERENCE_WHITE


def of_hlg(values: NDArray[Any]) -> NDArray[Any]:
    """Light before the camera of HLG's values (ITU-R BT.2100, table 5), 1.0 by the brightest."""
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12)


def shown_of_scene(scene: NDArray[Any]) -> NDArray[Any]:
    """Light on the screen, by the reference white, of HLG's before the camera (BT.2100's OOTF).

    Args:
        scene: the last axis is red, green and blue of BT.2020, or grey alone.
    """
    luminance: NDArray[Any] = (scene @ _LUMINANCE)[..., np.newaxis] if scene.shape[-1] == 3 else scene
    shown: NDArray[Any] = scene * luminance**0.2 * (HLG_PEAK / REFERENCE_WHITE)
    return shown


def toned_down(light: NDArray[Any], knee: float = KNEE) -> NDArray[Any]:
    """Light beyond white below it: highlights are bent, each colour by itself, and the rest stays.

    Args:
        knee: light, of white, up to which it stays.
    """
    return np.where(light <= knee, light, 1 - (1 - knee) ** 2 / np.maximum(light + 1 - 2 * knee, 1 - knee))


def _encode(light: NDArray[Any]) -> NDArray[np.uint8]:
    values = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    levels: NDArray[np.uint8] = np.rint(255 * values).astype(np.uint8)
    return levels


_ENCODED = _encode(np.arange(65_536) / 65_535)


def encoded(light: NDArray[Any]) -> NDArray[np.uint8]:
    """SRGB's levels, 0 to 255, of light (IEC 61966-2-1)."""
    levels: NDArray[np.uint8] = _ENCODED[(light.clip(0, 1) * 65_535 + 0.5).astype(np.uint16)]
    return levels
