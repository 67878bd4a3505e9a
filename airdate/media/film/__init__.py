"""The parts of the one ffmpeg command that makes a film's rendition."""
