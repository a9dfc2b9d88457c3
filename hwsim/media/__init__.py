"""Footage that really plays, in any size, without a disk full of it.

`small.mp4` (H.264 and AAC, 160x120, 2 s), `small.wav` and `small.jpg` were made once with ffmpeg
from its own test sources; nobody's picture or voice is in them.
"""
