"""Writes a movie in which two people are in the sample's room: the one of the sample, at two times at once.

The sample's camera stands still, so each picture is one frame of it on one side of an upright line and a later frame on
the other; the line lies between the two. Runs in the backend's Python, which can write such a file:
`write_two_people_movie.py TARGET` (for pictures too: the window tests use it).
"""

import sys
from pathlib import Path

import av
import numpy as np

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
COUNT, LATER = 75, 132
"""Chosen so that the two are never closer than a step."""


def main(target):
    with np.load(SAMPLE / "reference.npz", allow_pickle=False) as reference:
        x = reference["joints_2d"][..., 0]
    with av.open(str(SAMPLE / "sample.mp4")) as sample:
        frames = [frame.to_ndarray(format="rgb24") for frame in sample.decode(video=0)]
    with av.open(target, "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "18"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for first, second in ((k, k + LATER) for k in range(COUNT)):
            left, right = sorted((first, second), key=lambda frame: x[frame].mean())
            line = round((x[left].max() + x[right].min()) / 2)
            picture = np.concatenate([frames[left][:, :line], frames[right][:, line:]], axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


if __name__ == "__main__":
    main(sys.argv[1])
