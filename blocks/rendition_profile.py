"""How films are made fit for TikTok, as a form."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

from prefect.blocks.core import Block
from pydantic import Field

from airdate.media.profile import MAX_FPS, MAX_SIDE, MIN_FPS, MIN_SIDE, Framing, Profile

STANDARD = Profile()

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


class RenditionProfile(Block):
    """How renditions are made: their shape, their quality, and the pace of slideshows.

    Saved under the name `standard` it is what every run uses; without it Airdate's own profile is.

    Example:
        ```python
        from airdate.media.profile import Framing
        from blocks import RenditionProfile

        RenditionProfile(framing=Framing.BLUR, seconds_per_photo=2.5).save("standard", overwrite=True)
        profile = RenditionProfile.load("BLOCK_NAME").profile()
        ```
    """

    _block_type_name = "Rendition profile"
    _block_type_slug = "rendition-profile"
    _documentation_url = "https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide"  # type: ignore[assignment]

    width: int = Field(
        default=STANDARD.width,
        ge=MIN_SIDE,
        le=MAX_SIDE,
        title="Width",
        description="Width of slideshows and framed films, in pixels.",
    )
    height: int = Field(
        default=STANDARD.height,
        ge=MIN_SIDE,
        le=MAX_SIDE,
        title="Height",
        description="Height of slideshows and framed films, in pixels.",
    )
    fps: int = Field(
        default=STANDARD.fps,
        ge=MIN_FPS,
        le=MAX_FPS,
        title="Frames a second",
        description="Frames a second of slideshows; films keep their own.",
    )
    framing: Framing = Field(
        default=STANDARD.framing,
        title="Framing",
        description="What fills the frame around a film of another shape; `keep` leaves its shape as it is.",
    )
    crf: int = Field(
        default=STANDARD.crf,
        ge=0,
        le=51,
        title="Quality",
        description="Quality of x264, where lower is better and larger; 20 is more than TikTok keeps.",
    )
    preset: Preset = Field(
        default="veryfast",
        title="Speed",
        description="Speed of x264, from `ultrafast` to `veryslow`; a slower one makes smaller files.",
    )
    maxrate_kbps: int = Field(
        default=STANDARD.maxrate_kbps,
        ge=500,
        title="Highest rate",
        description="Cap of the encoded picture's rate, in kilobits a second; it keeps noisy film from growing huge.",
    )
    seconds_per_photo: float = Field(
        default=STANDARD.seconds_per_photo,
        gt=0,
        title="Seconds a photo",
        description="How long each photo of a slideshow stands alone, its cross-fade included.",
    )
    crossfade_s: float = Field(
        default=STANDARD.crossfade_s,
        ge=0,
        title="Cross-fade",
        description="Length of the cross-fade between two photos, in seconds.",
    )
    ken_burns: bool = Field(
        default=STANDARD.ken_burns,
        title="Ken Burns",
        description="Let the photos of a slideshow move slowly.",
    )
    music: Path | None = Field(
        default=STANDARD.music,
        title="Music",
        description="A sound file on the worker's machine for slideshows, looped or cut to their length.",
    )
    titles: Path | None = Field(
        default=STANDARD.titles,
        title="Titles",
        description=(
            "A font file on the worker's machine, in which each photo of a slideshow has its own caption written onto "
            "it; empty writes none. TikTok's audit forbids burnt-in promotional text."
        ),
    )
    loudness: float | None = Field(
        default=STANDARD.loudness,
        ge=-30,
        le=-8,
        title="Loudness",
        description="LUFS that sound is brought to, such as -14; empty leaves it as it is.",
    )
    keep_matrix: bool = Field(
        default=STANDARD.keep_matrix,
        title="Keep turned films",
        description="Leave a film that is turned by a tag as it is, instead of encoding it upright.",
    )
    salvage: bool = Field(
        default=STANDARD.salvage,
        title="Salvage damaged films",
        description="Convert a damaged film as far as it goes, with a warning, instead of refusing it.",
    )

    def profile(self) -> Profile:
        """The engine's profile of this block."""
        return Profile(
            name=self._block_document_name or STANDARD.name,
            width=self.width,
            height=self.height,
            fps=self.fps,
            framing=self.framing,
            crf=self.crf,
            preset=self.preset,
            maxrate_kbps=self.maxrate_kbps,
            seconds_per_photo=self.seconds_per_photo,
            crossfade_s=self.crossfade_s,
            ken_burns=self.ken_burns,
            music=self.music,
            titles=self.titles,
            loudness=self.loudness,
            keep_matrix=self.keep_matrix,
            salvage=self.salvage,
        )


async def standard_profile() -> Profile:
    """The profile that an operator saved as `standard`, else Airdate's own."""
    try:
        block = cast(RenditionProfile, await RenditionProfile.aload(STANDARD.name))
    except ValueError:  # Prefect's answer for a block that nobody saved
        return STANDARD
    return block.profile()
