"""What films cost: kept, copied, given new sound, encoded, framed, tone-mapped and set to a loudness."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from airdate.media.normalize import encoder, normalize
from airdate.media.plan import Plan
from airdate.media.prepare import decide, inspect
from airdate.media.probe import probe_all
from airdate.media.profile import Framing, Profile
from airdate.media.programs.ffmpeg import program
from airdate.media.reading.reader import read
from airdate.media.verify import decode_parts, verify
from airdate.post import PlanKind
from airdate.store import sha256_of
from benchmarks.media.material import SET_PQ, Material, ffmpeg
from benchmarks.media.measure import Result, best

STANDARD = Profile()
TALL = (1080, 1920)
SECONDS = 10
TARGET_LUFS = -14.0
X265 = (
    "-c:v",
    "libx265",
    "-preset",
    "ultrafast",
    "-crf",
    18,
    "-x265-params",
    "log-level=error:vbv-maxrate=30000:vbv-bufsize=30000",
    "-tag:v",
    "hvc1",
)

NOISES = {"phone": 2, "noisy-phone": 7}
"""Of the sensor, as `Material.handheld` takes it."""

SOUNDS = {
    "master": ("anoisesrc=color=brown:amplitude=0.9,alimiter=limit=0.5:level=0,volume=2dB", 2),
    "chords": (
        "aevalsrc='0.3*sin(220*2*PI*t)*exp(-2*mod(t,0.5))+0.3*sin(277*2*PI*t)*exp(-mod(t,1))+0.02*random(0)':c=stereo",
        2,
    ),
    "quiet": ("anoisesrc=color=pink:amplitude=0.02,tremolo=f=0.7:d=0.6", 2),
    "loud": ("anoisesrc=color=pink:amplitude=0.9,tremolo=f=0.7:d=0.6", 2),
    "peaky": ("aevalsrc='0.05*sin(440*2*PI*t)+0.9*sin(2500*2*PI*t)*exp(-60*mod(t,1))'", 2),
    "mono": ("anoisesrc=color=pink:amplitude=0.1,tremolo=f=3:d=0.8", 1),
}
"""Graphs of sounds, and their channels."""


def planned(path: Path, kind: PlanKind, profile: Profile = STANDARD) -> Plan:
    """The plan for a film, which must be of this kind."""
    plan = decide([path], profile)
    if plan.kind is not kind:
        raise SystemExit(f"{path.name}: the plan is to {plan.kind}, not to {kind}: {plan.reasons} {plan.refusal}")
    return plan


def made(plan: Plan, out: Path) -> Callable[[], None]:
    """The making of a rendition, without its proof."""
    return lambda: normalize(plan, out, on_progress=None, cancel=None)


def proved(plan: Plan, out: Path, turns: int) -> str:
    """What checking and hashing a rendition cost, as words."""
    check, hashing = best(turns, lambda: verify(plan, inspect(out)), lambda: sha256_of(out))
    return f"checking {check.cpu_s:.2f}, hashing {hashing.cpu_s:.2f}"


def keep(material: Material, turns: int) -> Iterator[Result]:
    """A film that is in the normal form already."""
    path = material.normal()
    plan = planned(path, PlanKind.KEEP)
    look, check, hashing = best(
        turns,
        lambda: decide([path], STANDARD),
        lambda: decode_parts(plan.inputs[0], item=path.name),
        lambda: sha256_of(path),
    )
    proof = f"CPU s: deciding {look.cpu_s:.2f}, checking {check.cpu_s:.2f}, hashing {hashing.cpu_s:.2f}"
    yield Result("keep", f"CPU s of deciding; {proof}", look.cpu_s, 0.15)
    yield Result("keep written", "bytes", float(look.written + check.written + hashing.written), 0)


def remux(material: Material, turns: int) -> Iterator[Result]:
    """A gigabyte whose index is last."""
    path, out, copy = material.gigabyte(), material.folder / "remux.mp4", material.folder / "copy.mp4"
    plan = planned(path, PlanKind.REMUX)
    ours, plain = best(turns, made(plan, out), lambda: subprocess.run(["cp", path, copy], check=True))
    words = f"wall s: remux {ours.wall_s:.2f}, cp {plain.wall_s:.2f}; CPU s: {proved(plan, out, turns)}"
    yield Result("remux", f"wall s, 2 × cp + 0.3; {words}", ours.wall_s, 2 * plain.wall_s + 0.3)
    out.unlink()
    copy.unlink()


def audio(material: Material, turns: int) -> Iterator[Result]:
    """Only the sound is wrong, beside encoding the same film whole."""
    source, path = material.normal(), material.folder / "audio.mp4"
    ffmpeg("-i", source, "-c:v", "copy", "-c:a", "libmp3lame", path)
    out = material.folder / "audio.out.mp4"
    plan = planned(path, PlanKind.AUDIO)
    ours, full = best(turns, made(plan, out), made(replace(plan, kind=PlanKind.ENCODE), out))
    made(plan, out)()
    words = f"CPU s: sound {ours.cpu_s:.2f}, everything {full.cpu_s:.2f}; {proved(plan, out, turns)}"
    yield Result("audio", f"times cheaper than an encode; {words}", full.cpu_s / ours.cpu_s, 40, at_least=True)


def encode(material: Material, turns: int) -> Iterator[Result]:
    """A phone's HEVC film, beside decoding it alone and x264 alone on its ready frames; and how good it is."""
    for name, noise in NOISES.items():
        path = material.handheld(
            f"{name.replace(' ', '-')}.mp4", TALL, SECONDS, *X265, "-pix_fmt", "yuv420p", noise=noise
        )
        out = material.folder / f"{name}.out.mp4"
        plan, raw = planned(path, PlanKind.ENCODE), material.raw(path, TALL)
        ours, decoding, x264, check, hashing = best(
            turns,
            made(plan, out),
            partial(ffmpeg, "-i", path, "-f", "null", "-"),
            partial(ffmpeg, *x264_alone(raw, TALL, plan.fps or 30)),
            lambda plan=plan, out=out: verify(plan, inspect(out)),
            partial(sha256_of, out),
        )
        floor = decoding.cpu_s + x264.cpu_s
        words = f"{name}; CPU s: encode {ours.cpu_s:.2f}, decoding {decoding.cpu_s:.2f}, x264 {x264.cpu_s:.2f}"
        yield Result("encode", f"of decoding and x264 alone, {words}", ours.cpu_s / floor, 1.1)
        words = f"{name}; CPU s: checking {check.cpu_s:.2f}, hashing {hashing.cpu_s:.2f}"
        yield Result("check", f"of the encode, {words}", check.cpu_s / ours.cpu_s, 0.08)
        yield _quality(name, path, out)
        raw.unlink()


def check(material: Material, turns: int) -> Iterator[Result]:
    """The proof of what becomes of a phone's 4K film, beside the making."""
    path = material.handheld("four-k.mp4", (2160, 3840), SECONDS, *X265, "-pix_fmt", "yuv420p", noise=5)
    out = material.folder / "four-k.out.mp4"
    plan = planned(path, PlanKind.ENCODE)
    ours, proof, hashing = best(turns, made(plan, out), lambda: verify(plan, inspect(out)), lambda: sha256_of(out))
    words = f"4K; CPU s: encode {ours.cpu_s:.2f}, checking {proof.cpu_s:.2f}, hashing {hashing.cpu_s:.2f}"
    yield Result("check", f"of the encode, {words}", proof.cpu_s / ours.cpu_s, 0.08)


def _quality(name: str, path: Path, out: Path) -> Result:
    rate = out.stat().st_size * 8 / 1000 / SECONDS
    score = _vmaf(out, path)
    words = f"VMAF, or the cap reached, {name}; at {rate:.0f} kb/s of {STANDARD.maxrate_kbps}; VMAF {score:.2f}"
    is_capped = rate >= 0.95 * STANDARD.maxrate_kbps
    return Result("quality", words, max(score, 93.0) if is_capped else score, 93, at_least=True)


def x264_alone(raw: Path | str, size: tuple[int, int], fps: float) -> tuple[object, ...]:
    """The arguments that encode ready frames as renditions are, to nothing."""
    options = [word for name, value in encoder(STANDARD, fps).items() for word in (f"-{name}", value)]
    reading = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:g}", "-i", raw)
    return (*reading, *options, "-f", "null", "-")


def _vmaf(out: Path, source: Path) -> float:
    command = [program(), "-hide_banner", "-nostdin", "-i", out, "-i", source]
    graph = "[0:v]settb=AVTB,setpts=PTS-STARTPTS[a];[1:v]settb=AVTB,setpts=PTS-STARTPTS[b];[a][b]libvmaf=n_threads=2"
    done = subprocess.run([*command, "-lavfi", graph, "-f", "null", "-"], capture_output=True, text=True, check=True)
    return float(re.findall(r"VMAF score: ([\d.]+)", done.stderr)[-1])


def framing(material: Material, turns: int) -> Iterator[Result]:
    """A lying film in a standing frame: over a blurred copy of itself, beside black."""
    path = material.handheld("lying.mp4", (1920, 1080), SECONDS)
    plans = [planned(path, PlanKind.ENCODE, replace(STANDARD, framing=one)) for one in (Framing.BLUR, Framing.PAD)]
    outs = [material.folder / f"{name}.mp4" for name in ("blur", "pad")]
    blur, pad = best(turns, *(made(plan, out) for plan, out in zip(plans, outs, strict=True)))
    words = f"CPU s: blur {blur.cpu_s:.2f}, pad {pad.cpu_s:.2f}; {proved(plans[0], outs[0], turns)}"
    yield Result("blur", f"of padding; {words}", blur.cpu_s / pad.cpu_s, 1.4)


def hdr(material: Material, turns: int) -> Iterator[Result]:
    """A 4K film in PQ to 1080×1920, beside the same work without tone-mapping."""
    ten_bit = (*X265, "-pix_fmt", "yuv420p10le")
    path = material.handheld("hdr.mp4", (2160, 3840), 4, *ten_bit, tags=f"format=yuv420p10le,{SET_PQ}")
    profile = replace(STANDARD, framing=Framing.CROP)
    plan, out = planned(path, PlanKind.ENCODE, profile), material.folder / "hdr.out.mp4"
    probe = plan.inputs[0]
    if probe.picture is None or not probe.picture.is_hdr:
        raise SystemExit("the film in PQ was not seen to be one")
    flat = replace(probe.picture, transfer="bt709", primaries="bt709", matrix="bt709")
    plain = replace(plan, inputs=(replace(probe, picture=flat),))
    mapped, unmapped = best(turns, made(plan, out), made(plain, material.folder / "flat.mp4"))
    words = f"CPU s: tone-mapped {mapped.cpu_s:.2f}, not {unmapped.cpu_s:.2f}; {proved(plan, out, turns)}"
    yield Result("hdr", f"of not tone-mapping; {words}", mapped.cpu_s / unmapped.cpu_s, 1.7)


def loudness(material: Material, turns: int) -> Iterator[Result]:
    """Several sounds brought to one loudness, beside encoding them as they are."""
    profile = replace(STANDARD, loudness=TARGET_LUFS)
    for name, (graph, channels) in SOUNDS.items():
        path, out = material.spoken(name, graph, 60, channels), material.folder / f"{name}.out.mp4"
        # Deciding may have listened to it already, which is part of the work.
        plan = replace(planned(path, PlanKind.AUDIO, profile), leveling=None)
        plain = ("-i", path, "-c:v", "copy", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart")
        ours, aac = best(turns, made(plan, out), lambda p=plain, n=name: ffmpeg(*p, material.folder / f"{n}.aac.mp4"))
        level, peak = _heard(out)
        words = f"CPU s: ours {ours.cpu_s:.2f}, AAC {aac.cpu_s:.2f}; {proved(plan, out, turns)}"
        yield Result("loudness", f"{name}, of plain AAC; {words}", ours.cpu_s / aac.cpu_s, 1.25)
        yield Result("loudness LU", f"{name}, from {TARGET_LUFS:g}: {level:.1f}", abs(level - TARGET_LUFS), 0.5)
        yield Result("true peak", f"{name}, dB", peak, -1)


def _heard(path: Path) -> tuple[float, float]:
    """Integrated loudness and true peak."""
    command = [program(), "-hide_banner", "-nostdin", "-i", path, "-map", "0:a"]
    measuring = [*command, "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]
    told = subprocess.run(measuring, capture_output=True, text=True, check=True).stderr
    level, peak = (re.findall(pattern, told)[-1] for pattern in (r"I:\s+(-?[\d.]+) LUFS", r"Peak:\s+(-?[\d.]+) dBFS"))
    return float(level), float(peak)


def probe(material: Material, turns: int) -> Iterator[Result]:
    """Two hundred small films and photos, each on its own and all through the front door."""
    paths = material.small(200)
    names = [path.name for path in paths]
    middles, wholes = [], []
    for _ in range(turns):
        took, last = [], time.process_time()
        for _facts in read([str(path) for path in paths], names):
            took.append(time.process_time() - last)
            last = time.process_time()
        middles.append(statistics.median(took))
        wholes.append(best(1, lambda: probe_all(paths, names))[0])
    each = min(one.cpu_s for one in wholes) / len(paths)
    yield Result("probe", f"median ms of {len(paths)} files in one process", min(middles) * 1000, 12)
    yield Result("probe all", "CPU ms a file, with the child's start", each * 1000, 12)
