"""What renditions cost beside the least that anything could cost: side by side, on the same inputs, in one run.

Inputs are made in a temporary folder. The best of three turns counts; MoviePy has one. Costs are seconds of processor
with children included, where the line does not say wall; checking and hashing are beside the making, not in it.

    python -m benchmarks.media [--only NAME] [--moviepy PYTHON] [--turns N] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

import av

from airdate.media.programs.ffmpeg import build
from benchmarks.media import films, shows
from benchmarks.media.material import Material

TURNS = 3


def main() -> int:
    """Measure, print, and fail when a limit is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", metavar="NAME", action="append", help="of the names at the left; may be repeated")
    options.add_argument("--moviepy", metavar="PYTHON", type=Path, help="an interpreter that has MoviePy 2")
    options.add_argument("--turns", type=int, default=TURNS)
    options.add_argument("--folder", type=Path, help="where inputs are kept from run to run")
    wanted = options.parse_args()
    all_of_them = {
        "keep": films.keep,
        "remux": films.remux,
        "audio": films.audio,
        "encode": films.encode,
        "check": films.check,
        "blur": films.framing,
        "hdr": films.hdr,
        "loudness": films.loudness,
        "probe": films.probe,
        "show": partial(shows.slideshow, moviepy=wanted.moviepy),
        "kenburns": shows.ken_burns,
    }
    if unknown := set(wanted.only or ()) - set(all_of_them):
        options.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(all_of_them)}")
    print(f"ffmpeg {build().version}, FFmpeg libraries of PyAV {av.__version__}; {wanted.turns} turns", flush=True)
    missed = 0
    with tempfile.TemporaryDirectory() as temporary:
        material = Material(wanted.folder or Path(temporary))
        for name, measured in all_of_them.items():
            if wanted.only and name not in wanted.only:
                continue
            for result in measured(material, wanted.turns):
                print(result.line(), flush=True)
                missed += not result.holds
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
