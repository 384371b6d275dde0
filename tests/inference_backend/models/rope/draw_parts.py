"""Draws docs/images/rope_parts.png (the part tables on the body) and rope_attention.png (where parts look).

    .venv-backend/bin/python tests/inference_backend/models/rope/draw_parts.py [--weights rope.safetensors]

Without weights the attention is that of an untrained network.
"""

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import roma
import torch

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT))
mpl.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from inference_backend.body.body import Body  # noqa: E402
from inference_backend.evaluation.posed_subjects import posed_subject  # noqa: E402
from inference_backend.evaluation.sensitivity import picture  # noqa: E402
from inference_backend.models.rope.config import OPEN  # noqa: E402
from inference_backend.models.rope.hagt import part_attention  # noqa: E402
from inference_backend.models.rope.network import Rope  # noqa: E402
from inference_backend.models.rope.parts import LEVELS, part_levels  # noqa: E402
from inference_backend.models.rope.splat import at_level, visible_labels  # noqa: E402
from inference_backend.models.rope.surface_cloud import SurfaceCloud  # noqa: E402
from inference_backend.models.rope.weights_file import load_rope  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SHOWN = ("head", "upper_torso", "left_arm", "right_hand", "left_leg", "right_foot")


def draw_tables(body: Body) -> None:
    """Front and back of the body with its arms lowered, coloured by part, one column for each level."""
    turns = torch.zeros(21, 3)
    turns[[15, 16], 2] = torch.tensor([-0.8, 0.8])
    pose = roma.rotvec_to_rotmat(turns)
    cloud = SurfaceCloud(body, 0.0035)
    K = torch.tensor([[1000.0, 0, 0], [0, 1000, 0], [0, 0, 1]])
    views = []
    for front in (1.0, -1.0):
        facing = torch.diag(torch.tensor([front, -1.0, -front]))
        vertices = body(torch.zeros(10), facing, pose, torch.zeros(3)).vertices
        centre = (vertices.amax(0) + vertices.amin(0)) / 2
        vertices = vertices - centre + torch.tensor([0.0, 0.0, 10.0])
        views.append(visible_labels(cloud, vertices[None], K, torch.tensor([[0.0, 0, 190]]), (384, 288))[0][0])
    figure, axes = plt.subplots(2, len(LEVELS), figsize=(11, 6.6), layout="constrained")
    for column, (name, level) in enumerate(part_levels().items()):
        colours = plt.get_cmap("tab20")(np.arange(len(level)) * 7 % 20)[:, :3]
        if len(level) > 20:
            colours[20:] = colours[20:] * 0.55
        palette = np.concatenate((np.ones((1, 3)), colours))
        for row, view in enumerate(views):
            axes[row, column].imshow(palette[at_level(view, level).numpy()])
            axes[row, column].axis("off")
        axes[0, column].set_title(f"{name}: {len(level)}")
    figure.savefig(IMAGES / "rope_parts.png", dpi=90)


def draw_attention(body: Body, weights: Path | None) -> None:
    """Spatial attention of some parts of the middle level over the proxy image that they look at."""
    torch.manual_seed(0)
    model = Rope(OPEN).eval() if weights is None else load_rope(weights)[0]
    subject = posed_subject(body)
    model.requires_grad_(False)
    logits = model(subject.image[None], subject.box[None]).logits["inter"]
    attention = part_attention(logits, model.tokenizer.temperature["inter"])[0].unflatten(-1, logits.shape[-2:])
    height, width = subject.image.shape[1:]
    figure, axes = plt.subplots(1, len(SHOWN) + 1, figsize=(12, 2.9), layout="constrained")
    for ax, name in zip(axes, ("input", *SHOWN), strict=True):
        ax.imshow(picture(subject.image), extent=(0, width, height, 0))
        ax.set_title(name.replace("_", " "))
        ax.axis("off")
    parts = part_levels()["inter"].parts
    for ax, name in zip(axes[1:], SHOWN, strict=True):
        seen = attention[parts.index(name)]
        seen = (seen - seen.min()) / (seen.max() - seen.min())
        ax.imshow(seen, extent=(0, width, height, 0), cmap="inferno", alpha=0.75, vmin=0)
    kind = "untrained" if weights is None else weights.stem
    figure.suptitle(f"where parts look, each from its least to its most ({kind})", fontsize=10)
    figure.savefig(IMAGES / "rope_attention.png", dpi=90)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draw Rope's parts and attention.")
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    body = Body.load()
    draw_tables(body)
    draw_attention(body, options.weights)


if __name__ == "__main__":
    main()
