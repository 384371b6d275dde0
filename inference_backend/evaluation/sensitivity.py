"""Draws Rope's occlusion sensitivity: `python -m inference_backend.evaluation.sensitivity --out map.png [...]`.

Without `--video`, a posed body whose truth is known; with it, one frame of a person in a clip, where the deviation from
the prediction without an occluder is drawn. `--untrained` runs random weights, to see that everything works.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..body.body import Body
from ..geometry.blazepose import LANDMARKS
from ..geometry.projection import project
from ..models.rope.camera import box_feature, square_box
from ..models.rope.config import OPEN
from ..models.rope.network import Rope
from ..models.rope.proxy import render_proxy
from ..models.rope.surface_cloud import SurfaceCloud
from ..models.rope.weights_file import load_rope
from ..pipeline.settings import RecoverSettings
from ..pipeline.stages import Stages
from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.skeleton import BODY_JOINTS
from ..records.context import StageContext
from ..stages.estimate.kinematic.landmarks import figure_of
from ..stages.estimate.kinematic.observe import observe
from ..stages.estimate.rope.look import crops, proxies, view_of
from ..stages.estimate.rope.settings import RopeSettings
from ..stages.estimate.rope.weights import weights_path
from .occlusion_map import SHAPES, heat_map, occluder, sensitivity

CROP: Final = 224
"""Patch and stride are given for a crop of so many pixels, as is usual, and scaled to the picture that is used."""


class Subject(NamedTuple):
    """What the occluder slides over: image `[C,h,w]`, box feature `[3]`, true joints `[22,3]` or None."""

    image: Tensor
    box: Tensor
    truth: NDArray[np.float64] | None


def posed_subject(body: Body) -> Subject:
    """A body in mid-stride, seen half from the side, as a proxy image."""
    turns = torch.zeros(22, 3)
    bends = {
        "left_hip": (-0.6, 0, 0), "right_hip": (0.4, 0, 0), "left_knee": (0.3, 0, 0), "right_knee": (0.6, 0, 0),
        "left_shoulder": (0.5, 0, -1.2), "right_shoulder": (-0.5, 0, 1.2), "left_elbow": (0, -0.7, 0),
        "right_elbow": (0, 0.7, 0),
    }  # fmt: skip
    for name, turn in bends.items():
        turns[BODY_JOINTS.index(name)] = torch.tensor(turn)
    rotations = roma.rotvec_to_rotmat(turns)
    facing = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.6, 0.0]))
    rotations[0] = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ facing
    betas, pelvis = torch.zeros(1, 10), torch.tensor([[0.0, 0.0, 4.0]])
    K = torch.tensor([[[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]]])
    _, marks, _ = figure_of(body).pose(betas[0].double(), rotations[None].double(), pelvis.double())
    marks = marks.float()
    rest = body.rest_joints(betas)[:, 0]
    posed = body(betas, rotations[None, 0], rotations[None, 1:], pelvis - rest)
    keypoints = project(marks, K)
    box = square_box(keypoints)
    seen = torch.full((1, len(LANDMARKS)), 0.95)
    image = render_proxy(SurfaceCloud(body), posed.vertices, K, box, keypoints, seen, marks)
    return Subject(image[0], box_feature(box, K)[0], posed.joints[0, : len(BODY_JOINTS)].double().numpy())


def filmed_subject(model: Rope, path: Path, frame: int) -> Subject:
    """The person who is seen largest in a frame of a clip.

    Raises:
        RecoverError: the clip cannot be read, or nobody is found in that frame.
    """
    stages, settings, ctx = Stages(), RecoverSettings(), StageContext()
    video = stages.probe(path, settings.frames, ctx)
    shots = stages.find_shots(video, settings.shots, ctx)
    tracks = stages.find_people(video, shots, settings.people, ctx)
    camera = stages.estimate_camera(video, shots, tracks, settings.camera, ctx)
    there = [track for track in tracks if frame in track.frames[track.seen]]
    if not there:
        raise RecoverError(
            ErrorCode.NO_PERSON, f"Nobody was found in frame {frame} of {path.name}.", "Choose another frame."
        )
    track = max(there, key=lambda t: float(np.ptp(t.box[frame - t.frames[0]].reshape(2, 2), axis=0).prod()))
    observed = observe(video, track, camera)
    view = view_of(video, track, camera, observed)
    at = int(np.abs(view.place - (frame - track.frames[0])).argmin())
    if model.config.input == "rgb":
        image = list(crops(video, track, camera, view, model.config.image_hw))[at]
    else:
        image = proxies(track, camera, observed, view, slice(at, at + 1))[0]
    return Subject(image, box_feature(view.box[at], view.K[at]), None)


def predictor(
    model: Rope, body: Body, subject: Subject, batch: int = 64
) -> Callable[[NDArray[np.bool_]], NDArray[np.float64]]:
    """What `occlusion_map.sensitivity` calls: covers to joints. Covered pixels become 0 in every channel."""

    def predict(covers: NDArray[np.bool_]) -> NDArray[np.float64]:
        joints = []
        with torch.inference_mode():
            for part in torch.from_numpy(covers).split(batch):
                images = subject.image * ~part[:, None]
                found = model(images, subject.box.expand(len(part), 3))
                turned = found.rotations
                still = torch.zeros(len(part), 3)
                joints.append(body.skeleton(found.betas, turned[:, 0], turned[:, 1:], still)[0])
        return torch.cat(joints).double().numpy()

    return predict


def maps(
    model: Rope, body: Body, subject: Subject, shapes: tuple[str, ...], patch: int, stride: int
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Grids for each shape of occluder (`occlusion_map.sensitivity`); patch and stride for a crop of 224 pixels."""
    height = subject.image.shape[1]
    side, step = (max(1, round(value * height / CROP)) for value in (patch, stride))
    predict = predictor(model, body, subject)
    return {
        shape: sensitivity(predict, tuple(subject.image.shape[1:]), occluder(shape, side), step, subject.truth)
        for shape in shapes
    }


def draw(path: Path, subject: Subject, found: dict, reduce: str) -> None:
    """Write the picture: what was looked at, and the heat map of each shape over it."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    height, width = subject.image.shape[1:]
    base = picture(subject.image)
    plain = {shape: heat_map(grids[0], reduce) for shape, grids in found.items()}
    top = max(float(values.max()) for values in plain.values())
    figure, axes = plt.subplots(1, len(plain) + 1, figsize=(2.4 * (len(plain) + 1) + 0.9, 3.5), layout="constrained")
    axes[0].imshow(base, extent=(0, width, height, 0))
    axes[0].set_title("input")
    for ax, (shape, values) in zip(axes[1:], plain.items(), strict=True):
        ax.imshow(base, extent=(0, width, height, 0))
        drawn = ax.imshow(
            values, extent=(0, width, height, 0), interpolation="bicubic", cmap="inferno", alpha=0.7, vmin=0, vmax=top
        )
        ax.set_title(shape)
    for ax in axes:
        ax.axis("off")
    what = "error" if subject.truth is not None else "deviation"
    figure.colorbar(drawn, ax=axes[-1], label=f"{reduce} joint {what}, mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def picture(image: Tensor) -> NDArray[np.float64]:
    """Something to look at, `[h,w,3]` in 0..1: RGB as it is; of a proxy image the silhouette and all landmarks."""
    if len(image) == 3:
        return image.permute(1, 2, 0).double().numpy()
    marks = image[: len(image) // 2].amax(0).double().numpy()
    shade = 0.35 * image[-1].double().numpy()
    return np.clip(np.stack((shade + marks, shade + 0.8 * marks, shade), -1), 0, 1)


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Draw how much an occluder at each place disturbs Rope.")
    parser.add_argument("--out", type=Path, required=True, help="picture to write (PNG); grids go beside it (.npz)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--weights", type=Path, help="Rope weights; default: the bundled ones")
    which.add_argument("--untrained", action="store_true", help="random weights")
    parser.add_argument("--video", type=Path, help="a clip; default: a posed body whose truth is known")
    parser.add_argument("--frame", type=int, default=0, help="which of its frames")
    parser.add_argument("--deviation", action="store_true", help="measure from the prediction without an occluder")
    parser.add_argument("--shape", choices=(*SHAPES, "all"), default="all")
    parser.add_argument("--patch", type=int, default=40, help=f"side of the square, for a crop of {CROP} pixels")
    parser.add_argument("--stride", type=int, default=10, help="from place to place, likewise")
    parser.add_argument("--reduce", choices=("max", "mean"), default="max", help="over joints")
    options = parser.parse_args()
    try:
        torch.manual_seed(0)
        if options.untrained:
            model = Rope(OPEN).eval()
        else:
            chosen = None if options.weights is None else str(options.weights)
            model, _ = load_rope(weights_path(RopeSettings(weights=chosen)))
        if not (0 < options.patch <= CROP // 2 and 0 < options.stride <= CROP):
            raise RecoverError(
                ErrorCode.BAD_SETTING, "The patch is 1 to 112 pixels and the stride 1 to 224.", "Choose other numbers."
            )
        body = Body.load()
        if options.video is not None:
            subject = filmed_subject(model, options.video, options.frame)
        elif model.config.input == "rgb":
            raise RecoverError(
                ErrorCode.BAD_SETTING, "Weights that look at pictures need a clip.", "Name one with --video."
            )
        else:
            subject = posed_subject(body)
        if options.deviation:
            subject = subject._replace(truth=None)
        shapes = SHAPES if options.shape == "all" else (options.shape,)
        found = maps(model, body, subject, shapes, options.patch, options.stride)
        draw(options.out, subject, found, options.reduce)
        arrays = {f"{s}_{name}": g for s, pair in found.items() for name, g in zip(("mpjpe", "pa"), pair, strict=True)}
        np.savez(options.out.with_suffix(".npz"), **arrays)
    except RecoverError as error:
        print(f"Error: {error.sentence}\n{error.remedy}", file=sys.stderr)
        return 1
    for shape, (plain, fitted) in found.items():
        row = {"shape": shape, "places": plain.shape[:2], "mpjpe_mean": plain.mean(), "mpjpe_max": plain.max(),
               "pa_mean": fitted.mean(), "pa_max": fitted.max()}  # fmt: skip
        print(json.dumps({k: round(v, 1) if isinstance(v, float) else v for k, v in row.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
