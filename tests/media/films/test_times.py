"""When pictures and sound come: together, as they were shot, whatever their container says of it."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from normal_form import shown

from airdate.media.prepare import Prepared, decide, render
from airdate.media.profile import Duration
from airdate.post import PlanKind

from .conftest import AAC, H264, QUICK, TO_709, MakeFilm, colour, ffmpeg, pictures, rendered

pytestmark = pytest.mark.e2e


def test_variable_rate_becomes_constant_in_sync(make_film: MakeFilm, tmp_path: Path) -> None:
    """White from 2.0 s on; the frames before are dropped unevenly."""
    film = make_film(
        "vfr.mkv",
        *("-c:v", "mpeg4", "-q:v", "3", "-fps_mode", "vfr"),
        picture="color=c=black:size=360x640:rate=60",
        filters="drawbox=c=white:t=fill:enable='gte(t,2)',select='if(lt(t,1),not(mod(n,4)),1)'",
        tone=None,
    )
    done = rendered(film, tmp_path / "out.mp4")
    assert done.output.picture is not None
    assert done.output.picture.fps in (30.0, 60.0)
    turned = next(at for at, image in pictures(done.path) if colour(image)[1] > 128)
    assert turned == pytest.approx(2.0, abs=0.04)


@pytest.mark.parametrize(
    ("name", "rate", "options"),
    [
        ("film.mkv", "24000/1001", AAC),
        ("thirty.mkv", "30", ("-c:a", "pcm_s16le")),
        ("film.flv", "30000/1001", (*AAC, "-ar", "44100")),
        ("film.mov", "60000/1001", (*AAC, "-video_track_timescale", "600")),
    ],
)
def test_copied_pictures_come_evenly_though_the_clock_is_coarse(
    make_film: MakeFilm, tmp_path: Path, name: str, rate: str, options: tuple[str, ...]
) -> None:
    reordered = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2")
    film = make_film(name, *reordered, *options, picture=f"testsrc2=size=360x640:rate={rate}")
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind in (PlanKind.REMUX, PlanKind.AUDIO)
    with av.open(str(done.path)) as container:
        (stream,) = container.streams.video
        times = sorted(packet.pts * packet.time_base for packet in container.demux(stream) if packet.pts is not None)
    assert times[0] < 0.001
    assert {later - sooner for sooner, later in pairwise(times)} == {1 / Fraction(rate)}
    assert shown(film, 8).sums == shown(done.path, 8).sums


@pytest.mark.parametrize(
    ("name", "rate", "sound"),
    [
        ("film.mkv", "24", AAC),
        ("film.mkv", "24000/1001", AAC),
        ("film.flv", "25", AAC),
        ("film.mkv", "30", ("-c:a", "mp3")),
        ("film.mkv", "60000/1001", AAC),
    ],
)
def test_encoded_pictures_come_once_though_the_clock_is_coarse(
    make_film: MakeFilm, tmp_path: Path, name: str, rate: str, sound: tuple[str, ...]
) -> None:
    """The sound's first packet puts the picture off by about half of one; they are black and white in turn."""
    turns = f"drawbox=c=white:t=fill:enable='mod(n,2)',{TO_709}"
    codec = ("-c:v", "flv1" if name.endswith("flv") else "mpeg4", "-q:v", "2")
    made = make_film(name, *codec, *sound, picture=f"color=black:size=640x360:rate={rate}", filters=turns)
    film = tmp_path / name
    both = ("-i", str(made), "-itsoffset", "0.021", "-i", str(made))
    ffmpeg(*both, "-map", "1:v", "-map", "0:a", "-c", "copy", str(film))
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.ENCODE
    light = [colour(image)[1] > 128 for _, image in pictures(done.path)]
    assert len(light) == pytest.approx(3.2 * Fraction(rate), abs=2)
    assert [before for before, after in pairwise(light[1:-1]) if before == after] == []


def test_pictures_that_come_late_and_say_only_when_they_are_decoded_stay_late(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    late = "drawbox=c=white:t=fill:enable='gte(t,2)',setpts=PTS+0.4/TB"
    options = ("-c:v", "mpeg4", "-bf", "2", "-fps_mode", "passthrough", "-c:a", "mp2")
    film = make_film("late.avi", *options, picture="color=c=black:size=360x640:rate=30", filters=late)
    done = rendered(film, tmp_path / "out.mp4")
    assert done.duration_s == pytest.approx(3.6, abs=0.05)
    turned = next(at for at, image in pictures(done.path) if colour(image)[1] > 128)
    assert turned == pytest.approx(2.4, abs=0.04)


@pytest.mark.parametrize(("rate", "codec"), [("23.976", "libx264"), ("29.97", "mpeg4")])
def test_no_picture_falls_between_the_ticks_of_an_avi(
    make_film: MakeFilm, tmp_path: Path, rate: str, codec: str
) -> None:
    """Its clock ticks once a picture, at a rate that is not quite the one the pictures are counted by."""
    turning = "drawbox=c=white:t=fill:enable='gte(n,12)'"
    options = ("-c:v", codec, "-bf", "2", "-c:a", "mp2")
    film = make_film("rounded.avi", *options, picture=f"color=c=black:size=360x640:rate={rate}", filters=turning)
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.ENCODE
    bright = [colour(image)[1] > 128 for _, image in pictures(done.path)]
    assert bright.index(True) == 12
    assert len(bright) == sum(1 for _ in pictures(film))


@pytest.mark.parametrize("rate", ["24", "30000/1001", "60"])
def test_an_avi_that_waits_for_its_sound_is_even(make_film: MakeFilm, tmp_path: Path, rate: str) -> None:
    """It says so by empty places behind its first picture, as if that were shown longer."""
    flash = f"{TO_709},drawbox=c=white:t=fill:enable='between(t,1.499,1.7)'"
    beep = "aevalsrc='if(between(t,1.5,1.7),0.8*sin(6283*t),0)':s=48000"
    picture = f"color=navy:size=640x360:rate={rate}"
    film = make_film("waits.avi", *H264, "-bf", "0", *AAC, picture=picture, filters=flash, tone=beep)
    with av.open(str(film)) as container:
        decoded = [packet.dts for packet in container.demux(video=0) if packet.dts is not None and packet.size]
    assert decoded[1] - decoded[0] > 1
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is not PlanKind.ENCODE
    before, after = shown(film, 8), shown(done.path, 8)
    assert after.sums == before.sums
    gaps = [later - sooner for sooner, later in pairwise(after.times)]
    assert (min(gaps), max(gaps)) == (pytest.approx(1 / Fraction(rate), abs=1e-5),) * 2
    assert after.flash_s == pytest.approx(after.beep_s, abs=1 / 30)


def test_a_last_picture_does_not_stand_on_after_the_sound(make_film: MakeFilm, tmp_path: Path) -> None:
    slides = ("-c:v", "flv", "-c:a", "libmp3lame", "-flvflags", "no_duration_filesize", "-ar", "44100")
    film = make_film("slides.flv", *slides, seconds=8, picture="testsrc2=size=360x640:rate=1/4")
    assert rendered(film, tmp_path / "out.mp4").duration_s == pytest.approx(4.1, abs=0.2)


def with_sound_that_jumps_back(film: Path, out: Path) -> Path:
    """An Ogg of which every other page of sound says that it ends where the film begins."""
    data, at, late = bytearray(film.read_bytes()), 0, 0
    while (at := data.find(b"OggS", at)) >= 0:
        count = data[at + 26]
        end = at + 27 + count + sum(data[at + 27 : at + 27 + count])
        ends_at = int.from_bytes(data[at + 6 : at + 14], "little")
        late += ends_at > 40_000
        if ends_at > 40_000 and late % 2 == 0:
            data[at + 6 : at + 14] = (1000).to_bytes(8, "little")
            data[at + 22 : at + 26] = bytes(4)
            data[at + 22 : at + 26] = ogg_checksum(data[at:end]).to_bytes(4, "little")
        at = end
    out.write_bytes(data)
    return out


def ogg_checksum(page: bytes) -> int:
    rest = 0
    for byte in page:
        rest = (rest << 8 & 0xFFFFFFFF) ^ CHECKSUMS[rest >> 24 ^ byte]
    return rest


def remainder(byte: int) -> int:
    rest = byte << 24
    for _ in range(8):
        rest = (rest << 1) ^ (0x104C11DB7 if rest & 0x80000000 else 0)
    return rest


CHECKSUMS = [remainder(byte) for byte in range(256)]


def test_an_ogg_whose_sound_jumps_back_keeps_its_pictures_where_they_were(make_film: MakeFilm, tmp_path: Path) -> None:
    options = ("-c:v", "libtheora", "-q:v", "9", "-c:a", "libvorbis", "-ar", "48000", "-ac", "2")
    box = "drawbox=h=200:c=blue:t=fill,drawbox=h=200:c=red:t=fill:enable='lt(t,4)'"
    film = make_film("plain.ogv", *options, seconds=5, filters=box)
    done = rendered(with_sound_that_jumps_back(film, tmp_path / "in.ogv"), tmp_path / "out.mp4")
    assert done.duration_s == pytest.approx(5, abs=0.1)
    seen = pictures(done.path)
    assert colour(seen[115][1], 0.5, 0.1)[0] > 150
    assert colour(seen[125][1], 0.5, 0.1)[2] > 150


def test_late_sound_stays_late(make_film: MakeFilm, tmp_path: Path) -> None:
    film, late = make_film("early.mov", *H264, "-c:a", "pcm_s16le"), tmp_path / "late.mkv"
    ffmpeg(
        *("-i", str(film), "-itsoffset", "0.4", "-i", str(film)),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", str(late)),
    )
    assert loud_from(rendered(late, tmp_path / "out.mp4")) == pytest.approx(0.4, abs=0.03)


def loud_from(done: Prepared) -> float:
    with av.open(str(done.path)) as container:
        return next(
            (frame.time or 0) + at / frame.sample_rate
            for frame in container.decode(audio=0)
            for at, value in enumerate(struct.unpack(f"<{frame.samples}f", bytes(frame.planes[0])[: frame.samples * 4]))
            if abs(value) > 0.02
        )


LATE_TONE = "aevalsrc=sin(2764*t)*gt(t\\,2):s=22050"


def test_sound_that_begins_within_a_packet_stays_in_time(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("whole.mov", *("-c:v", "mjpeg", "-c:a", "alac"), seconds=4.2, tone=LATE_TONE)
    ffmpeg("-ss", "0.7", "-i", str(film), "-c", "copy", str(tmp_path / "cut.mov"))
    assert loud_from(rendered(tmp_path / "cut.mov", tmp_path / "out.mp4")) == pytest.approx(1.3, abs=0.02)


def test_sound_behind_a_hole_stays_in_time(make_film: MakeFilm, tmp_path: Path) -> None:
    """Without edit lists a first packet is stretched until the second one comes; a cut then begins within it."""
    film = make_film("early.mp4", *H264, *AAC, seconds=4.2, tone=LATE_TONE)
    late = ("-i", str(film), "-itsoffset", "0.4", "-i", str(film), "-map", "0:v", "-map", "1:a", "-c", "copy")
    ffmpeg(*late, "-use_editlist", "0", str(tmp_path / "late.mp4"))
    ffmpeg("-ss", "0.7", "-i", str(tmp_path / "late.mp4"), "-c", "copy", str(tmp_path / "cut.mp4"))
    assert loud_from(rendered(tmp_path / "cut.mp4", tmp_path / "out.mp4")) == pytest.approx(1.7, abs=0.03)


def test_sound_that_begins_with_the_rest_of_a_packet_is_no_damage(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("whole.mpg", *("-c:v", "mpeg2video", "-g", "1", "-c:a", "ac3"), seconds=4.2, tone=LATE_TONE)
    ffmpeg("-ss", "0.7", "-i", str(film), "-c", "copy", str(tmp_path / "cut.mpg"))
    plan = decide([tmp_path / "cut.mpg"], QUICK)
    assert any("first sound cannot be decoded" in reason for reason in plan.reasons)
    rendered(tmp_path / "cut.mpg", tmp_path / "out.mp4")


def test_a_fragmented_film_keeps_its_first_picture(make_film: MakeFilm, tmp_path: Path) -> None:
    """Its sound begins before 0, with what its coder needs to start: that is no reason to move the picture."""
    pieces = ("-movflags", "frag_keyframe+delay_moov", "-map_metadata", "-1")
    film = make_film("pieces.mp4", "-c:v", "libx264", "-preset", "veryfast", *AAC, *pieces)
    assert decide([film], QUICK).kind is PlanKind.REMUX
    done = rendered(film, tmp_path / "out.mp4")
    assert [image.tobytes() for _, image in pictures(done.path)] == [image.tobytes() for _, image in pictures(film)]


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov"])
def test_what_an_edit_hides_of_a_fragmented_film_stays_hidden(make_film: MakeFilm, tmp_path: Path, name: str) -> None:
    """A white flash with a beep at 1.5 s of a film whose first 0.4 s an edit hides comes at 1.1 s, together."""
    beep = "aevalsrc='if(between(t,1.5,1.7),0.8*sin(6283*t),0)':s=48000"
    flash = f"{TO_709},drawbox=c=white:t=fill:enable='between(t,1.499,1.7)'"
    options = ("-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac")
    picture = "color=navy:size=360x640:rate=30"
    whole = make_film("whole.mp4", *options, seconds=4, picture=picture, filters=flash, tone=beep)
    film = tmp_path / name
    ffmpeg("-ss", "0.4", "-i", str(whole), "-c", "copy", "-movflags", "frag_keyframe+delay_moov", str(film))
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.ENCODE
    after = shown(done.path, 8)
    assert after.flash_s == pytest.approx(1.1, abs=1 / 30)
    assert after.beep_s == pytest.approx(1.1, abs=1 / 30)


def test_sound_that_changes_its_form_is_gone_on_with(make_film: MakeFilm, tmp_path: Path) -> None:
    """Broadcasts go from stereo to surround; ffmpeg begins its filters anew there, at 0."""
    parts = []
    for begin, channels in ((1, "2"), (4.1, "6")):
        options = (*H264, "-bf", "0", "-c:a", "ac3", "-ac", channels, "-output_ts_offset", str(begin), "-muxdelay", "0")
        parts.append(make_film(f"part{channels}.ts", *options, seconds=3))
    film = tmp_path / "joined.ts"
    ffmpeg("-i", f"concat:{parts[0]}|{parts[1]}", "-c", "copy", str(film))
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.AUDIO
    assert done.duration_s == pytest.approx(6.1, abs=0.1)


@pytest.mark.parametrize("later_s", [0, 60, 7200])
@pytest.mark.parametrize("sound", [AAC, ()])
def test_recordings_that_were_joined_follow_each_other(
    make_film: MakeFilm, tmp_path: Path, later_s: int, sound: tuple[str, ...]
) -> None:
    """Two broadcasts put together byte by byte: the clock of the second says what it likes."""
    film = tmp_path / "joined.ts"
    with film.open("wb") as file:
        for loud, offset_s in ((0, 1), (0.8, 1 + later_s)):
            options = (*H264, *sound, "-output_ts_offset", str(offset_s))
            seen = f"{TO_709},drawbox=c=white:t=fill:enable='between(t,1.499,1.7)*{loud}'"
            heard = f"aevalsrc='if(between(t,1.5,1.7),{loud}*sin(6283*t),0)':s=48000" if sound else None
            picture = "color=navy:size=640x360:rate=30"
            part = make_film(f"part{loud}.ts", *options, picture=picture, filters=seen, tone=heard)
            file.write(part.read_bytes())
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is (PlanKind.AUDIO if sound else PlanKind.REMUX)
    assert len(pictures(done.path)) == 2 * 96
    assert done.duration_s == pytest.approx(6.4, abs=0.05)
    if sound:
        after = shown(done.path, 8)
        assert after.flash_s == pytest.approx(3.2 + 1.5, abs=1 / 30)
        assert after.beep_s == pytest.approx(3.2 + 1.5, abs=1 / 30)


def test_each_of_many_joined_recordings_stays_in_time(make_film: MakeFilm, tmp_path: Path) -> None:
    """Sound ends a part of a packet after its picture, so that each join could put it off by more."""
    silent = make_film("silent.ts", *H264, *AAC, picture="color=navy:size=640x360:rate=30", tone="aevalsrc=0:s=48000")
    beep = "aevalsrc='if(between(t,1.5,1.7),0.8*sin(6283*t),0)':s=48000"
    flash = f"{TO_709},drawbox=c=white:t=fill:enable='between(t,1.499,1.7)'"
    last = make_film("last.ts", *H264, *AAC, picture="color=navy:size=640x360:rate=30", filters=flash, tone=beep)
    film = tmp_path / "many.ts"
    film.write_bytes(silent.read_bytes() * 5 + last.read_bytes())
    after = shown(rendered(film, tmp_path / "out.mp4").path, 8)
    assert after.flash_s == pytest.approx(5 * 3.2 + 1.5, abs=1 / 30)
    assert after.beep_s == pytest.approx(5 * 3.2 + 1.5, abs=1 / 30)


def test_sound_of_a_broadcast_that_changes_is_made_anew(make_film: MakeFilm, tmp_path: Path) -> None:
    """A copy would tell players of the first form alone, and they would play the second at another speed."""
    parts = [
        make_film(f"{rate}.ts", *H264, "-c:a", "aac", "-ar", rate, "-ac", "2", "-output_ts_offset", str(begin))
        for rate, begin in (("48000", 1), ("44100", 4.2))
    ]
    film = tmp_path / "changing.ts"
    ffmpeg("-i", f"concat:{parts[0]}|{parts[1]}", "-c", "copy", str(film))
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.AUDIO
    assert any("changes its rate" in reason for reason in done.plan.reasons)
    assert done.duration_s == pytest.approx(6.4, abs=0.1)


def test_flac_that_codes_its_channels_otherwise_does_not_change_its_form(make_film: MakeFilm) -> None:
    """Its packets begin as those of AAC in a broadcast do, and go on with how two channels are told apart."""
    music = "aevalsrc='if(lt(t,1.5),0.5*sin(2000*t),0.1*random(0))|0.5*sin(2000*t)+0.1*random(1)':s=48000"
    film = make_film("flac.mkv", *H264, "-c:a", "flac", tone=music)
    plan = decide([film], QUICK)
    assert plan.kind is PlanKind.AUDIO
    assert plan.inputs[0].sound is not None
    assert not plan.inputs[0].sound.is_mixed


def test_of_joined_recordings_the_end_is_cut_off(make_film: MakeFilm, tmp_path: Path) -> None:
    part = make_film("part.ts", *H264, *AAC)
    film = tmp_path / "joined.ts"
    film.write_bytes(part.read_bytes() * 2)
    plan = decide([film], replace(QUICK, duration=Duration.TRIM), max_seconds=4)
    done = render(plan, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.ENCODE
    assert len(pictures(done.path)) == 120
