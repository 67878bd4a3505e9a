"""The box reader on real, cut, padded, edited and hostile files."""

from __future__ import annotations

import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import av
import pytest

from airdate.errors import Refused, Who
from airdate.media.prepare import decide, render
from airdate.media.profile import MAX_BYTES, Profile
from airdate.media.reading.boxes import read_boxes
from airdate.media.reading.tracks import is_variable
from airdate.post import PlanKind

from .conftest import AAC, CLEAN, H264, TO_709, MakeFilm, ffmpeg, pictures, rendered

pytestmark = pytest.mark.e2e


def padded(film: Path, out: Path, size: int) -> Path:
    room = size - film.stat().st_size
    with out.open("wb") as file:
        file.write(film.read_bytes())
        file.write(struct.pack(">I4s", room, b"free") if room < 2**32 else struct.pack(">I4sQ", 1, b"free", room))
        file.truncate(size)
    return out


@pytest.mark.parametrize(("size", "kind"), [(MAX_BYTES, PlanKind.KEEP), (MAX_BYTES + 1, PlanKind.REMUX)])
def test_four_gigabytes_cost_no_memory(kept: Path, tmp_path: Path, size: int, kind: PlanKind) -> None:
    film = padded(kept, tmp_path / "large.mp4", size)
    tracemalloc.start()
    boxes = read_boxes(film)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert boxes is not None
    assert not boxes.truncated
    assert peak < 1_000_000
    assert decide([film], Profile()).kind is kind


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("fast", [True, False])
def test_a_cut_file_is_seen_wherever_it_was_cut(make_film: MakeFilm, tmp_path: Path, part: float, fast: bool) -> None:
    film = make_film(f"whole{fast}.mp4", *H264, *AAC, *(CLEAN if fast else ()))
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[: int(film.stat().st_size * part)])
    refusal = decide([cut], Profile()).refusal
    assert refusal is not None
    assert refusal.code == "media_truncated"


@pytest.mark.parametrize(("entry", "code"), [(b"encv", "media_encrypted"), (b"avc1", "media_truncated")])
def test_a_film_without_a_picture_says_why(kept: Path, tmp_path: Path, entry: bytes, code: str) -> None:
    film = tmp_path / "dark.mp4"
    data = kept.read_bytes().replace(b"avc1", entry)
    film.write_bytes(data[: data.index(b"mdat") + 8])
    refusal = decide([film], Profile()).refusal
    assert refusal is not None
    assert refusal.code == code
    assert "--salvage" not in (refusal.fix or "")


def test_rubbish_behind_the_end_is_no_cut(kept: Path, tmp_path: Path) -> None:
    film = tmp_path / "tail.mp4"
    film.write_bytes(kept.read_bytes() + b"\xff\xff\xff\x00abcd and more")
    assert decide([film], Profile()).refusal is None


def test_a_table_that_claims_more_than_there_is_is_read_as_far_as_it_goes(kept: Path, tmp_path: Path) -> None:
    film = tmp_path / "hostile.mp4"
    data = bytearray(kept.read_bytes())
    at = data.index(b"stts") + 8
    data[at : at + 4] = b"\xff\xff\xff\xff"
    film.write_bytes(data)
    boxes = read_boxes(film)
    assert boxes is not None
    assert boxes.tracks[0].samples >= 0


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\0\0\0\x08moov", b"\0\0\0\0ftyp", b"\0\0\0\x01mdat" + b"\xff" * 8, b"\0\0\0\x04moov" * 1000],
)
def test_nonsense_ends(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "nonsense.mp4"
    path.write_bytes(data)
    read_boxes(path)


def test_a_trimmed_edit_is_encoded_and_shows_only_what_it_showed(make_film: MakeFilm, tmp_path: Path) -> None:
    whole = make_film("trim.mp4", *H264, "-g", "150", "-bf", "2", seconds=5, tone=None)
    trimmed = tmp_path / "trimmed.mp4"
    ffmpeg("-ss", "1.5", "-i", str(whole), "-c", "copy", str(trimmed))
    boxes = read_boxes(trimmed)
    assert boxes is not None
    assert boxes.tracks[0].hidden_lead_s > 0.5
    assert decide([trimmed], Profile()).kind is PlanKind.ENCODE


def test_a_priming_edit_is_no_cut(make_film: MakeFilm) -> None:
    boxes = read_boxes(make_film("primed.mp4", *H264, "-bf", "3", *AAC, *CLEAN))
    assert boxes is not None
    assert [round(track.hidden_lead_s, 1) for track in boxes.tracks] == [0.0, 0.0]


def test_no_edit_list_is_no_cut(make_film: MakeFilm) -> None:
    options = (*H264, *AAC, "-map_metadata", "-1", "-movflags", "+faststart", "-use_editlist", "0")
    film = make_film("phone.mp4", *options)
    assert b"elst" not in film.read_bytes()
    assert decide([film], Profile()).kind is PlanKind.KEEP


@pytest.mark.parametrize(
    ("gaps", "varies"),
    [
        ([1 / 30] * 300, False),
        ([0.033, 0.033, 0.034] * 100, False),
        ([1 / 30] * 299 + [0.6], True),
        ([1 / 30] * 290 + [1 / 60] * 10, True),
        ([1 / 30] * 299 + [0.01], False),
        ([1.0], False),
    ],
)
def test_what_varies(gaps: list[float], varies: bool) -> None:
    assert is_variable(gaps) is varies


def test_times_are_those_of_the_tracks_that_are_meant(tmp_path: Path) -> None:
    """A preview of five pictures a second and a short second language come first, and neither is the default."""
    film = tmp_path / "many.mp4"
    seen = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=5:duration=4")
    meant = ("-f", "lavfi", "-i", "testsrc2=size=360x640:rate=30:duration=4")
    sounds = ("-f", "lavfi", "-i", "sine=300:duration=1.5", "-f", "lavfi", "-i", "sine=440:duration=4")
    order = ("-map", "0", "-map", "1", "-map", "2", "-map", "3")
    marks = ("-disposition:v:0", "0", "-disposition:v:1", "default", "-disposition:a:0", "0")
    options = ("-vf", TO_709, *H264, "-c:v:0", "mjpeg", *AAC, *marks, "-disposition:a:1", "default", *CLEAN)
    ffmpeg(*seen, *meant, *sounds, *order, *options, str(film))
    plan = decide([film], Profile())
    assert plan.kind is PlanKind.REMUX, plan.reasons
    picture, sound = plan.inputs[0].picture, plan.inputs[0].sound
    assert picture is not None
    assert sound is not None
    assert (picture.codec, picture.fps, picture.end_s) == ("h264", 30, 4)
    assert sound.end_s == pytest.approx(4, abs=0.05)


def with_box(film: Path, out: Path, within: str, box: bytes) -> Path:
    """The film with one more box at the end of it, or of its `moov`, whose media must lie before that."""
    data = bytearray(film.read_bytes())
    at = len(data)
    if within == "moov":
        start = data.index(b"moov") - 4
        at = start + int.from_bytes(data[start : start + 4])
        data[start : start + 4] = (at - start + len(box)).to_bytes(4)
    data[at:at] = box
    out.write_bytes(data)
    return out


@pytest.mark.parametrize("name", [b"uuid", b"gps ", b"meta", b"udta", b"auth"])
@pytest.mark.parametrize("within", ["file", "moov"])
def test_a_box_that_may_tell_where_it_was_shot_does_not_go_out(
    make_film: MakeFilm, tmp_path: Path, within: str, name: bytes
) -> None:
    film = make_film("last.mp4", *H264, *AAC, "-map_metadata", "-1")
    body = b"\0\0\0\0\0\0\0\x10xml \0\0\0\0\0\0\0\0" if name == b"meta" else b"\0\0\0\x18\xa9xyz48.858222,2.2945"
    place = body + b"GPS 48.858222,2.2945"
    made = with_box(film, tmp_path / "told.mp4", within, (len(place) + 8).to_bytes(4) + name + place)
    plan = decide([made], Profile())
    assert plan.kind is PlanKind.REMUX
    assert "place, date, device and title are taken out" in plan.reasons
    assert b"48.858222" in made.read_bytes()
    assert b"48.858222" not in rendered(made, tmp_path / "out.mp4").path.read_bytes()


@pytest.mark.parametrize("seconds", [3.2, 60])
def test_sound_of_a_sample_a_moment_is_heard_to_its_end(make_film: MakeFilm, tmp_path: Path, seconds: float) -> None:
    pcm = (*H264, "-g", "60", "-c:a", "pcm_s16le", "-ar", "48000", "-use_editlist", "0")
    film = make_film(f"pcm{seconds}.mov", *pcm, seconds=seconds, picture="color=c=gray:size=360x640:rate=30")
    boxes = read_boxes(film)
    assert boxes is not None
    assert max(track.samples for track in boxes.tracks) == round(48_000 * seconds)
    sound = rendered(film, tmp_path / "out.mp4").output.sound
    assert sound is not None
    assert sound.end_s == pytest.approx(seconds, abs=0.05)


def test_a_picture_that_changes_its_size_is_not_copied(tmp_path: Path) -> None:
    """Its second size stands in the packets alone, where nothing tells it before they are read."""
    parts = []
    for begin, size in ((0, "360x640"), (2, "720x1280")):
        parts.append(tmp_path / f"{size}.ts")
        seen = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=30:duration=2", "-vf", TO_709)
        ffmpeg(*seen, *H264, "-bf", "0", "-output_ts_offset", str(begin), str(parts[-1]))
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    film = tmp_path / "both.mp4"
    ffmpeg("-i", str(tmp_path / "both.ts"), "-c", "copy", *CLEAN, str(film))
    before = film.read_bytes()
    assert decide([film], Profile()).kind is PlanKind.KEEP
    done = rendered(film, tmp_path / "out.mp4")
    assert film.read_bytes() == before
    assert done.plan.kind is PlanKind.ENCODE
    assert "the picture changes its size, depth or colours at 2.00 s → one form" in done.reasons
    assert {image.size for _, image in pictures(done.path)} == {(720, 1280)}


def test_a_film_that_is_turned_as_a_whole_is_turned(kept: Path, tmp_path: Path) -> None:
    """Players heed the matrix of the film's own header as they do that of a track's."""
    film = tmp_path / "turned.mp4"
    data = bytearray(kept.read_bytes())
    at = data.index(b"mvhd") + 4 + 36
    data[at : at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    film.write_bytes(data)
    plan = decide([film], Profile())
    assert plan.kind is PlanKind.ENCODE
    assert "turned by a mark in the file → turned in the picture itself" in plan.reasons


def test_sound_that_does_not_decode_is_found_where_it_is_copied(kept: Path, tmp_path: Path) -> None:
    film = tmp_path / "noise.mp4"
    data = bytearray(kept.read_bytes())
    with av.open(str(kept)) as container:
        sound = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    at, size = sound[len(sound) // 2]
    data[at : at + size] = b"\xff" * size
    film.write_bytes(data)
    plan = decide([film], Profile())
    assert plan.kind is PlanKind.KEEP
    with pytest.raises(Refused, match="audio does not decode"):
        render(plan, tmp_path / "out.mp4")


def test_a_prores_that_says_nothing_of_its_colours_is_converted(make_film: MakeFilm, tmp_path: Path) -> None:
    """It says 0 for each, which FFmpeg 9 calls reserved and refuses to scale."""
    film = make_film("silent.mov", "-c:v", "prores", "-pix_fmt", "yuv422p10le", filters="null", tone=None)
    data = bytearray(film.read_bytes())
    at = data.index(b"icpf")
    while at > 0:
        data[at + 4 + 14 : at + 4 + 17] = b"\0\0\0"
        at = data.find(b"icpf", at + 4)
    film.write_bytes(data.replace(b"colr", b"free"))
    assert rendered(film, tmp_path / "out.mp4").plan.kind is PlanKind.ENCODE


@pytest.mark.parametrize("lost", [b"stsd", b"stco", b"stsz", b"stsc"])
def test_sound_that_its_index_lost_is_not_left_out_without_a_word(kept: Path, tmp_path: Path, lost: bytes) -> None:
    film = tmp_path / "dumb.mp4"
    data = kept.read_bytes()
    at = data.index(lost, data.index(b"soun"))
    film.write_bytes(data[:at] + b"free" + data[at + 4 :])
    refusal = decide([film], Profile()).refusal
    assert refusal is not None
    assert (refusal.code, refusal.exit_code) == ("media_sound_unreadable", 3)
    done = rendered(film, tmp_path / "out.mp4", Profile(salvage=True))
    assert done.plan.kind is PlanKind.REMUX
    assert any("its sound is left out" in reason for reason in done.plan.reasons)
    assert done.output.sound is None


def test_sound_of_a_codec_that_nobody_knows_is_told(make_film: MakeFilm, tmp_path: Path) -> None:
    film = tmp_path / "strange.mkv"
    film.write_bytes(make_film("aac.mkv", *H264, *AAC).read_bytes().replace(b"A_AAC", b"A_XYZ"))
    refusal = decide([film], Profile()).refusal
    assert refusal is not None
    assert (refusal.code, refusal.who) == ("media_sound_unreadable", Who.CONTENT)


def test_a_codec_under_an_odd_name_is_given_its_own(kept: Path, tmp_path: Path) -> None:
    film = tmp_path / "odd.mp4"
    film.write_bytes(kept.read_bytes().replace(b"mp4a", b"apac"))
    done = rendered(film, tmp_path / "out.mp4")
    assert done.plan.kind is PlanKind.REMUX
    assert b"mp4a" in done.path.read_bytes()


def packed(film: Path, out: Path, *, empty: int) -> Path:
    """A film whose index is last, with that index compressed, and so many empty bytes in it."""
    data = film.read_bytes()
    at = data.rindex(b"moov") - 4
    index = data[at + 8 :] + struct.pack(">I4s", 8 + empty, b"free") + bytes(empty)
    whole = struct.pack(">I4s", 8 + len(index), b"moov") + index
    record = struct.pack(">I", len(whole)) + zlib.compress(whole)
    inside = struct.pack(">I4s4s", 12, b"dcom", b"zlib") + struct.pack(">I4s", 8 + len(record), b"cmvd") + record
    out.write_bytes(data[:at] + struct.pack(">I4sI4s", 16 + len(inside), b"moov", 8 + len(inside), b"cmov") + inside)
    return out


def test_a_compressed_index_is_unpacked_unless_it_is_a_bomb(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("index_last.mp4", *H264, *AAC)
    assert rendered(packed(film, tmp_path / "packed.mov", empty=0), tmp_path / "out.mp4").plan.kind is PlanKind.REMUX
    refusal = decide([packed(film, tmp_path / "bomb.mov", empty=200_000_000)], Profile()).refusal
    assert refusal is not None
    assert refusal.code == "media_unreadable"
    assert "once it is unpacked" in refusal.message


def test_an_flv_makes_no_room_for_key_pictures_that_it_claims(make_film: MakeFilm, tmp_path: Path) -> None:
    film = tmp_path / "bomb.flv"
    data = make_film("plain.flv", *H264, *AAC).read_bytes()
    claimed = b"\x0a\x0f\xff\xff\xff"
    lists = b"\0\x05times" + claimed + b"\0\x0dfilepositions" + claimed
    said = b"\x02\0\x0aonMetaData\x08\0\0\0\x01\0\x09keyframes\x03" + lists + b"\0\0\x09" * 2
    tag = b"\x12" + len(said).to_bytes(3) + bytes(7) + said + (len(said) + 11).to_bytes(4)
    film.write_bytes(data[:13] + tag + data[13:])
    looking = (
        "import sys; from airdate.media.reading.reader import read; list(read(sys.argv[1:], ['bomb.flv']));"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    asked = subprocess.run([sys.executable, "-c", looking, film], capture_output=True, text=True, check=True)
    assert int(asked.stdout) < 300_000, "kilobytes"
