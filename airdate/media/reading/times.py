"""When picture and sound of a film begin and end, and how evenly its pictures come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airdate.media.reading.boxes import Boxes
from airdate.media.reading.joins import JOINABLE, Clock
from airdate.media.reading.packets import decodes, form_of_aac, has_picture, shown_at
from airdate.media.reading.tracks import Track, is_variable, middle_of, rate_of, spread

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

MOST_BACK_S = 1.0
"""How far an Ogg's sound may jump back. Its pages say when they end, and FFmpeg counts their packets back from there:
of some files by so much that it shifts the picture too, to make up for it."""


@dataclass(frozen=True, slots=True)
class SoundTimes:
    """When a sound is heard, in seconds.

    Attributes:
        end_s: None where nothing tells it.
        is_timed: whether its times can be believed.
        starts_whole: whether its first packet decodes.
        is_mixed: whether its rate or its channels change.
        edits: how many parts an edit list plays.
    """

    start_s: float
    end_s: float | None
    is_timed: bool = True
    starts_whole: bool = True
    is_mixed: bool = False
    edits: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """When a picture is shown, in seconds.

    Attributes:
        is_indexed: an index tells it; else every packet was read.
        last_s: when the last of picture and sound ends, counted as the container counts its length.
        fps: pictures a second; 0 where there are too few to tell.
        spread_s: how much the longest gap between two of them is longer than the shortest.
        starts_whole: the first packet is a key picture, and nothing is shown before it.
        hidden_s: how much an edit hides, at its start or its end.
        edits: how many parts an edit list shows.
        is_turned: the index turns or mirrors it.
        is_joined: the clock begins anew in the middle; these times are of one that goes on.
        wait_s: how much later its first picture is shown here than an AVI says: it keeps what is put in to wait for the
            sound behind that picture, and not before it.
        sound: None where there is nothing to hear.
    """

    is_indexed: bool
    start_s: float
    end_s: float
    last_s: float
    fps: float
    is_variable: bool
    spread_s: float
    starts_whole: bool
    sound: SoundTimes | None
    hidden_s: float = 0.0
    edits: int = 0
    is_turned: bool = False
    is_joined: bool = False
    wait_s: float = 0.0


def read_times(
    container: InputContainer, video: av.VideoStream, sound: av.AudioStream | None, boxes: Boxes | None
) -> Times:
    """The times of a film: from its index, else from all packets.

    Args:
        sound: the one that is meant, if there is one.
    """
    track = boxes.track(video.id) if boxes is not None and not boxes.fragmented else None
    if track is None or boxes is None or track.samples < 2:
        times = _of_packets(container, video, sound)
        return _edited(times) if boxes is not None and boxes.fragmented else times
    return _of_index(track, None if sound is None else _indexed_sound(boxes.track(sound.id)))


def _indexed_sound(track: Track | None) -> SoundTimes | None:
    if track is None:
        return SoundTimes(0.0, None)
    return SoundTimes(track.start_s, track.end_s, edits=track.edits) if track.end_s != track.start_s else None


def _of_index(track: Track, sound: SoundTimes | None) -> Times:
    return Times(
        is_indexed=True,
        start_s=track.start_s,
        end_s=track.end_s,
        last_s=track.end_s,
        fps=track.fps,
        is_variable=track.is_variable,
        spread_s=track.spread_s,
        starts_whole=track.starts_whole,
        sound=sound,
        hidden_s=max(track.hidden_lead_s, track.hidden_tail_s),
        edits=track.edits,
        is_turned=track.is_turned,
    )


@dataclass(slots=True)
class _Span:
    """From when to when a stream's packets reach, and how far one of them jumped back; in seconds."""

    start_s: float
    end_s: float
    back_s: float = 0.0

    def take(self, at_s: float, length_s: float) -> None:
        self.back_s = max(self.back_s, self.end_s - at_s)
        self.start_s, self.end_s = min(at_s, self.start_s), max(at_s + length_s, self.end_s)


def _of_packets(container: InputContainer, video: av.VideoStream, sound: av.AudioStream | None) -> Times:
    spans: dict[int, _Span] = {}
    shown: list[float] = []
    first_is_key, step = True, 0.0
    heard_whole: bool | None = None
    # Elsewhere AAC has no headers of its own, and FLAC's begin alike.
    has_forms = container.format.name in JOINABLE and sound is not None and sound.codec_context.name == "aac"
    forms: set[tuple[int, int]] = set()
    clock = Clock()
    for packet, at_s, length_s in _timed(container, video, sound, clock):
        spans.setdefault(packet.stream_index, _Span(at_s, at_s)).take(at_s, length_s)
        if packet.stream_index == video.index:
            first_is_key = first_is_key if shown else packet.is_keyframe
            shown.append(at_s)
            step = length_s or step
            continue
        if heard_whole is None:
            heard_whole = decodes(packet)
        if has_forms and (form := form_of_aac(bytes(packet))) is not None:
            forms.add(form)
    starts_whole = not shown or (first_is_key and shown[0] == min(shown))
    shown.sort()
    gaps = [later - sooner for sooner, later in pairwise(shown)]
    middle = middle_of(gaps) if gaps else step
    waits = container.format.name == "avi" and len(gaps) > 2 and gaps[0] > 1.5 * middle
    wait_s = gaps[0] - middle if waits else 0.0
    if waits:
        shown[0], gaps[0] = shown[0] + wait_s, middle
    # Of three pictures of a still screen the middle gap may be the longest; the last one's own length is believed then.
    end_s = max(spans[video.index].end_s, shown[-1] + min(middle, step or middle)) if shown else 0.0
    # Matroska counts its length from 0 where its first picture comes later.
    first_s = min(0.0, min((span.start_s for span in spans.values()), default=0.0))
    heard = _heard(container, spans.get(-1 if sound is None else sound.index), shown)
    return Times(
        is_indexed=False,
        start_s=shown[0] if shown else 0.0,
        end_s=end_s,
        last_s=max((span.end_s for span in spans.values()), default=0.0) - first_s,
        fps=rate_of(gaps),
        is_variable=is_variable(gaps),
        spread_s=spread(gaps),
        starts_whole=starts_whole,
        sound=None if heard is None else replace(heard, starts_whole=heard_whole is not False, is_mixed=len(forms) > 1),
        is_joined=clock.jumps > 0,
        wait_s=wait_s,
    )


def _edited(times: Times) -> Times:
    """The times of a fragmented film: what comes before 0 an edit hides, and FFmpeg shows it all the same."""
    sound = times.sound
    return replace(
        times,
        start_s=max(0.0, times.start_s),
        hidden_s=max(0.0, -times.start_s),
        sound=None if sound is None else replace(sound, start_s=max(0.0, sound.start_s)),
    )


def _timed(
    container: InputContainer, video: av.VideoStream, sound: av.AudioStream | None, clock: Clock
) -> Iterator[tuple[av.Packet[Any], float, float]]:
    """Each packet of picture and sound from the beginning, when it is shown or heard, and for how long, in seconds.

    They end where nothing more can be read; a missing end shows in the length.
    """
    from av.error import FFmpegError  # noqa: PLC0415  (what imports this also reads photos)

    try:
        container.seek(0, backward=True)
    except FFmpegError:  # an FLV without a list of its key pictures finds none before its first
        container.seek(0, backward=False)
    is_gif, has_begun = container.format.name == "gif", False
    is_joinable = container.format.name in JOINABLE
    try:
        for packet in container.demux(*([video] if sound is None else [video, sound])):
            time = shown_at(packet, video)
            if time is None or not packet.size or (is_gif and has_begun and not has_picture(bytes(packet))):
                continue
            has_begun = True
            shift_s = clock.follow(packet) if is_joinable else 0.0
            yield packet, float(time * packet.time_base) + shift_s, float((packet.duration or 0) * packet.time_base)
    except FFmpegError:
        return


def _heard(container: InputContainer, span: _Span | None, shown: list[float]) -> SoundTimes | None:
    """When the sound begins and ends, if its times can be believed."""
    if span is None:
        return None
    if container.format.name == "ogg" and span.back_s > MOST_BACK_S:
        return SoundTimes(shown[0] if shown else 0.0, None, is_timed=False)
    return SoundTimes(span.start_s, span.end_s) if span.end_s != span.start_s else None
