"""What the benchmarks work on, made here: photos with texture, films that a hand seems to hold, and sounds."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from airdate.media.programs.ffmpeg import program

PHOTO = (4000, 3000)
"""Twelve megapixels, as phones shoot them."""

OCTAVES = (16, 60, 250, 1000)
"""Widths of the noises that a photo is made of, from its shapes to its grain."""

NOISE = 4
"""Of the sensor, each frame anew: ffmpeg's `noise`, of 100."""

X264 = (
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-crf",
    18,
    "-maxrate",
    "40M",
    "-bufsize",
    "40M",
    "-pix_fmt",
    "yuv420p",
)
"""As a phone writes film: more than TikTok's 16 Mb/s, and no more than a card takes."""

RENDITION = (*X264[:4], "-crf", 20, "-maxrate", "16M", "-bufsize", "32M", "-pix_fmt", "yuv420p")
LARGE = (*X264[:2], "-preset", "ultrafast", "-crf", 1, "-pix_fmt", "yuv420p")
TAGS = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")
SET_TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
SET_PQ = "setparams=range=tv:color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
SPOTS = tuple((x, y) for x in range(600, 3000, 600) for y in range(600, 4000, 600))


def ffmpeg(*arguments: object) -> None:
    """Run the embedded ffmpeg; raises `CalledProcessError` if it fails."""
    subprocess.run([program(), "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True)


@dataclass(frozen=True, slots=True)
class Material:
    """Files in a folder, each made when it is first asked for."""

    folder: Path

    def photos(self, count: int) -> list[Path]:
        """JPEGs of twelve megapixels, lying."""
        return [self._photo(number) for number in range(count)]

    def spots(self) -> Path:
        """A standing photo of soft white spots on grey, whose places can be told to a hundredth of a pixel."""
        path = self.folder / "spots.jpg"
        if not path.exists():
            picture = Image.new("L", (PHOTO[1], PHOTO[0]), 60)
            draw = ImageDraw.Draw(picture)
            for x, y in SPOTS:
                draw.ellipse((x - 50, y - 50, x + 50, y + 50), fill=230)
            picture.filter(ImageFilter.GaussianBlur(12)).convert("RGB").save(path, quality=95)
        return path

    def handheld(
        self, name: str, size: tuple[int, int], seconds: float, *codec: object, tags: str = SET_TAGS, noise: int = NOISE
    ) -> Path:
        """A textured scene seen through an unsteady hand and a noisy sensor, 30 frames a second, with sound."""
        path = self.folder / name
        if not path.exists():
            wide, high = size[0] + 160, size[1] + 160
            hand = "x='80+60*sin(t*1.9)+16*sin(t*9.1)':y='80+60*sin(t*1.3)+16*sin(t*11.3)'"
            chain = (
                f"scale={wide}:{high}:force_original_aspect_ratio=increase,crop={wide}:{high},setsar=1,"
                f"format=yuv420p,loop=-1:1,crop={size[0]}:{size[1]}:{hand},noise=alls={noise}:allf=t,{tags}"
            )
            voice = f"anoisesrc=color=pink:amplitude=0.4:duration={seconds}"
            ffmpeg(
                *("-framerate", 30, "-i", self._photo(0), "-f", "lavfi", "-i", voice, "-vf", chain, "-t", seconds),
                *(codec or X264),
                *TAGS,
                *("-c:a", "aac", "-ar", 48000, "-ac", 2, path),
            )
        return path

    def normal(self) -> Path:
        """Ten seconds in the normal form."""
        path = self.folder / "normal.mp4"
        if not path.exists():
            source = self.handheld("plain.mp4", (1080, 1920), 10, *RENDITION)
            clean = ("-map_metadata", -1, "-fflags", "+bitexact", "-movflags", "+faststart")
            ffmpeg("-i", source, "-c", "copy", *clean, path)
        return path

    def gigabyte(self) -> Path:
        """A normal film of a thousand million bytes, but for its index, which is last."""
        path = self.folder / "gigabyte.mp4"
        if not path.exists():
            short = self.handheld("large.mp4", (1080, 1920), 2, *LARGE)
            ffmpeg("-stream_loop", round(1e9 / short.stat().st_size), "-i", short, "-c", "copy", path)
        return path

    def raw(self, source: Path, size: tuple[int, int]) -> Path:
        """The ready frames of a film, as an encoder takes them."""
        path = source.with_suffix(f".{size[0]}x{size[1]}.yuv")
        if not path.exists():
            ffmpeg("-i", source, "-map", "0:v:0", "-s", f"{size[0]}x{size[1]}", "-pix_fmt", "yuv420p", path)
        return path

    def spoken(self, name: str, graph: str, seconds: int, channels: int) -> Path:
        """A small still film with a sound, which is another codec than TikTok's."""
        path = self.folder / f"{name}.mp4"
        if not path.exists():
            ffmpeg(
                *("-f", "lavfi", "-i", f"color=gray:s=720x1280:r=30:d={seconds}", "-f", "lavfi", "-i", graph),
                *("-vf", SET_TAGS, *X264, *TAGS, "-c:a", "libmp3lame", "-b:a", "192k", "-ar", 48000, "-ac", channels),
                *("-t", seconds, path),
            )
        return path

    def small(self, count: int) -> list[Path]:
        """Many small films of several containers, and photos."""
        self.folder.joinpath("small").mkdir(exist_ok=True)
        kinds = ("mp4", "mov", "mkv", "ts", "jpg")
        found = []
        for number in range(count):
            kind = kinds[number % len(kinds)]
            path = self.folder / "small" / f"{number:03}.{kind}"
            first = self.folder / "small" / f"{number % len(kinds):03}.{kind}"
            if not first.exists() and kind == "jpg":
                Image.open(self._photo(0)).resize((1080, 810)).save(first)
            elif not first.exists():
                ffmpeg(
                    *("-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=4", "-f", "lavfi", "-i", "sine=440:d=4"),
                    *(*X264, "-c:a", "aac", first),
                )
            if not path.exists():
                path.write_bytes(first.read_bytes())
            found.append(path)
        return found

    def _photo(self, number: int) -> Path:
        path = self.folder / f"photo{number:02}.jpg"
        if not path.exists():
            layers = [Image.merge("RGB", [_clouds() for _ in range(3)]) for _ in range(2)]
            lines = Image.merge("RGB", [Image.linear_gradient("L").rotate(number * 37).resize(PHOTO)] * 3)
            picture = Image.blend(ImageChops.add(layers[0], lines, scale=2.0), layers[1], 0.3)
            picture.save(path, quality=90)
        return path


def _clouds() -> Image.Image:
    """Noise of many sizes, the small ones faint."""
    ground = Image.new("L", PHOTO, 128)
    for step, width in enumerate(OCTAVES):
        noise = Image.effect_noise((width, width * 3 // 4), 90 / (step + 1)).resize(PHOTO, Image.Resampling.BICUBIC)
        ground = ImageChops.add(ground, noise, scale=1.0, offset=-128)
    return ground
