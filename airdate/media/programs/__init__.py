"""Programs that work on somebody's file, each in a process of its own: ffmpeg, ffprobe, and our own code as a child."""
