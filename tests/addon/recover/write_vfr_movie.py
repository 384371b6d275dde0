"""Writes a movie of variable rate whose pictures spell their number, and prints their times.

Runs in the backend's Python, which can write such a file.
"""

import json
import sys
from fractions import Fraction

import av
import numpy as np

BITS, BAR = 10, 12


def main(path, count):
    clock = 0
    stamps = []
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "0", "g": "12", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = BITS * BAR, 16, "yuv444p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 600)
        for number in range(count):
            bars = np.repeat([255 * ((number >> bit) & 1) for bit in range(BITS)], BAR).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(np.tile(bars, (16, 1))[..., None], 3, axis=2), format="rgb24")
            frame.pts, frame.time_base = clock, Fraction(1, 600)
            container.mux(stream.encode(frame))
            stamps.append(clock / 600)
            # like a phone: 30 a second with some jitter, and 15 a second where it got dark
            clock += 40 if 30 <= number < 50 else 20 + (-3, 0, 4, -1)[number % 4]
        container.mux(stream.encode())
    print(json.dumps(stamps))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
