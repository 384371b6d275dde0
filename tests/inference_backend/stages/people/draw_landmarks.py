"""Draws docs/images/people.png: what the people stage finds in the sample, in full view and behind furniture.

.venv-backend/bin/python tests/inference_backend/stages/people/draw_landmarks.py
"""

import sys
from pathlib import Path

import matplotlib as mpl

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT))
mpl.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from inference_backend.geometry.blazepose_bones import BONES  # noqa: E402
from inference_backend.records.context import StageContext  # noqa: E402
from inference_backend.stages.frames.probe import probe  # noqa: E402
from inference_backend.stages.frames.read import read_frames  # noqa: E402
from inference_backend.stages.people.find_people import find_people  # noqa: E402
from inference_backend.stages.people.settings import PeopleSettings  # noqa: E402
from inference_backend.stages.shots.find_shots import find_shots  # noqa: E402
from inference_backend.stages.shots.settings import ShotSettings  # noqa: E402

FRAMES = (10, 100, 120)
MARGIN = 60


def main() -> None:
    """Find the person, and draw three frames."""
    video = probe(ROOT / "tests" / "sample" / "sample.mp4")
    shots = find_shots(video, ShotSettings(), StageContext())
    (track,) = find_people(video, shots, PeopleSettings(people=1), StageContext())
    figure, axes = plt.subplots(1, len(FRAMES), figsize=(9.0, 4.3), layout="constrained")
    for ax, (frame, picture) in zip(axes, read_frames(video, FRAMES), strict=True):
        row = frame - track.frames[0]
        x, y = track.keypoints[row].T
        ax.imshow(picture)
        for ends in (bone.nonzero()[:, 0] for bone in BONES if bone.count_nonzero() == 2):
            ax.plot(x[ends], y[ends], color="white", linewidth=1)
        dots = ax.scatter(x, y, c=track.visibility[row], vmin=0, vmax=1, cmap="RdYlGn", s=16, zorder=3)
        x0, y0, x1, y1 = track.box[row]
        ax.add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="white", linestyle=":"))
        middle, half = (x0 + x1) / 2, (y1 - y0) / 2 + MARGIN
        ax.set(xlim=(middle - 0.75 * half, middle + 0.75 * half), ylim=((y0 + y1) / 2 + half, (y0 + y1) / 2 - half))
        ax.set_title(f"{video.time_s[frame]:.1f} s", fontsize=9)
        ax.axis("off")
    figure.colorbar(dots, ax=axes, label="visibility", shrink=0.6)
    figure.savefig(ROOT / "docs" / "images" / "people.png", dpi=90)


if __name__ == "__main__":
    main()
