"""How films are made fit for TikTok, as a form."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Self, cast

from prefect.blocks.core import Block
from pydantic import Field, model_validator

from airdate.errors import WrongUsage
from airdate.media.profile import (
    MAX_CRF,
    MAX_CROSSFADE_S,
    MAX_FPS,
    MAX_KBPS,
    MAX_LUFS,
    MAX_PHOTO_S,
    MAX_SIDE,
    MIN_FPS,
    MIN_KBPS,
    MIN_LUFS,
    MIN_PHOTO_S,
    MIN_SIDE,
    Cover,
    Duration,
    Framing,
    Preset,
    Profile,
)

STANDARD = Profile()

ENGINE_FIELDS = tuple(field.name for field in fields(Profile) if field.name != "name")
"""What an operator fills in: all of the engine's profile but its name, which is the block's."""


class RenditionProfile(Block):
    """How renditions are made: their shape, their quality, and the pace of slideshows.

    Saved under the name `standard` it is what every run uses; without it, what `AIRDATE_PROFILE` names is.

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
    safe_zones: bool = Field(
        default=STANDARD.safe_zones,
        title="Safe zones",
        description="Fit the picture into the part of the frame that TikTok's buttons and texts leave free.",
    )
    duration: Duration = Field(
        default=STANDARD.duration,
        title="Films that are too long",
        description="`refuse` them, or `trim`: cut their end off at what TikTok takes and their creator may post.",
    )
    cover: Cover = Field(
        default=STANDARD.cover,
        title="Cover",
        description="The picture that stands for a film whose post names none; `first` leaves it to TikTok.",
    )
    crf: int = Field(
        default=STANDARD.crf,
        ge=0,
        le=MAX_CRF,
        title="Quality",
        description="Quality of x264, where lower is better and larger; TikTok keeps no more than 19 shows.",
    )
    preset: Preset = Field(
        default=STANDARD.preset,
        title="Speed",
        description="Speed of x264, from `ultrafast` to `veryslow`; a slower one makes smaller files.",
    )
    maxrate_kbps: int = Field(
        default=STANDARD.maxrate_kbps,
        ge=MIN_KBPS,
        le=MAX_KBPS,
        title="Highest rate",
        description="Cap of the encoded picture's rate, in kilobits a second; it keeps noisy film from growing huge.",
    )
    seconds_per_photo: float = Field(
        default=STANDARD.seconds_per_photo,
        ge=MIN_PHOTO_S,
        le=MAX_PHOTO_S,
        title="Seconds a photo",
        description="How long each photo of a slideshow is shown, its cross-fades included.",
    )
    crossfade_s: float = Field(
        default=STANDARD.crossfade_s,
        ge=0,
        le=MAX_CROSSFADE_S,
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
    on_beat: bool = Field(
        default=STANDARD.on_beat,
        title="On the beat",
        description="Let the photos of a slideshow change on the music's beat, where it keeps one.",
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
        ge=MIN_LUFS,
        le=MAX_LUFS,
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

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        """Two wishes that exclude each other are told when the form is saved, not by the first run."""
        try:
            self.profile()
        except WrongUsage as wrong:
            raise ValueError(str(wrong)) from None
        return self

    def profile(self) -> Profile:
        """The engine's profile of this block."""
        name = self._block_document_name or STANDARD.name
        return Profile(name=name, **{field: getattr(self, field) for field in ENGINE_FIELDS})


async def standard_profile() -> Profile | None:
    """The profile that an operator saved as `standard`; None leaves it to the setting."""
    try:
        block = cast(RenditionProfile, await RenditionProfile.aload(STANDARD.name))
    except ValueError:  # Prefect's answer for a block that nobody saved
        return None
    return block.profile()
