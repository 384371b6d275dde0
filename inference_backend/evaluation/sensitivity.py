"""Draws Rope's occlusion sensitivity: `python -m inference_backend.evaluation.sensitivity --out map.png [...]`.

Without `--video`, a posed body whose truth is known; with it, one frame of a person in a clip, where the deviation from
the prediction without an occluder is drawn. Several weights are drawn below each other. With `--data`, what is printed
are means over moments of the validation subjects' motion. `--untrained` runs random weights, to see that all works.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..body.body import Body
from ..models.rope.camera import box_feature
from ..models.rope.config import OPEN
from ..models.rope.network import Rope
from ..models.rope.weights_file import load_rope
from ..pipeline.settings import RecoverSettings
from ..pipeline.stages import Stages
from ..protocol.errors import ErrorCode, RecoverError
from ..records.context import StageContext
from ..stages.estimate.kinematic.observations import observe
from ..stages.estimate.rope.inference import crops, proxies, view_of
from ..stages.estimate.rope.settings import RopeSettings
from ..stages.estimate.rope.weights import weights_path
from ..training.counts import count
from .occlusion_map import SHAPES, heat_map, occluder, sensitivity
from .posed_subjects import Subject, moving_subjects, posed_subject

CROP: Final = 224
"""Patch and stride are given for a crop of so many pixels, as is usual, and scaled to the picture that is used."""


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


def figures(model: Rope, body: Body, subjects: list[Subject], shape: str, patch: int, stride: int) -> dict[str, float]:
    """Means over people whose truth is known, mm.

    Returns:
        MPJPE about the pelvis without an occluder (`clear`), in the mean over its places (`mean`), where it disturbs
        most (`worst_place`), and in the mean over its places of the joint that is furthest off (`worst_joint`);
        `pa_clear` and `pa_mean`, the same after a similarity fit.
    """
    rows = []
    for subject in subjects:
        found = maps(model, body, subject, (shape,), patch, stride)[shape]
        size = tuple(subject.image.shape[1:])
        clear = sensitivity(predictor(model, body, subject), size, np.zeros(size, bool), 1, subject.truth)
        plain, fitted = found
        rows.append({
            "clear": clear[0].mean(), "mean": plain.mean(), "worst_place": heat_map(plain, "mean").max(),
            "worst_joint": heat_map(plain).mean(), "pa_clear": clear[1].mean(), "pa_mean": fitted.mean(),
        })  # fmt: skip
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def draw(path: Path, subject: Subject, found: dict[str, dict[str, Any]], reduce: str) -> None:
    """Write the picture: what was looked at, and the heat map of each shape over it; a row for each of the weights."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    height, width = subject.image.shape[1:]
    base = picture(subject.image)
    plain = {name: {shape: heat_map(grids[0], reduce) for shape, grids in row.items()} for name, row in found.items()}
    top = max(float(values.max()) for row in plain.values() for values in row.values())
    columns = 1 + max(len(row) for row in plain.values())
    figure, axes = plt.subplots(
        len(plain), columns, figsize=(2.4 * columns + 0.9, 3.2 * len(plain) + 0.3), layout="constrained", squeeze=False
    )
    for row, (name, values_of) in zip(axes, plain.items(), strict=True):
        row[0].imshow(base, extent=(0, width, height, 0))
        row[0].set_title(name)
        for ax, (shape, values) in zip(row[1:], values_of.items(), strict=True):
            ax.imshow(base, extent=(0, width, height, 0))
            drawn = ax.imshow(
                values, extent=(0, width, height, 0), interpolation="bicubic", cmap="inferno", alpha=0.7, vmin=0,
                vmax=top,
            )  # fmt: skip
            ax.set_title(shape)
    for ax in axes.flat:
        ax.axis("off")
    what = "error" if subject.truth is not None else "deviation"
    figure.colorbar(drawn, ax=axes[:, -1], label=f"{reduce} joint {what}, mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def picture(image: Tensor) -> NDArray[np.float64]:
    """Something to look at, `[h,w,3]` in 0..1: RGB as it is; of a proxy image the silhouette and all landmarks."""
    if len(image) == 3:
        return image.permute(1, 2, 0).double().numpy()
    marks = image[: len(image) // 2].amax(0).double().numpy()
    shade = 0.35 * image[-1].double().numpy()
    return np.clip(np.stack((shade + marks, shade + 0.8 * marks, shade), -1), 0, 1)


def _models(weights: list[Path] | None, names: list[str] | None, untrained: bool) -> dict[str, Rope]:
    """Networks by the name of their row."""
    if untrained:
        torch.manual_seed(0)
        return {"untrained": Rope(OPEN).eval()}
    if weights is None:
        return {"bundled": load_rope(weights_path(RopeSettings()))[0]}
    names = [f"{path.parent.name}/{path.stem}" for path in weights] if names is None else names
    if len(set(names)) != len(weights):
        raise RecoverError(ErrorCode.BAD_SETTING, "Weights and names are not as many.", "Give each a name of its own.")
    chosen = [weights_path(RopeSettings(weights=str(path))) for path in weights]
    return {name: load_rope(path)[0] for name, path in zip(names, chosen, strict=True)}


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m inference_backend.evaluation.sensitivity",
        description="Draw how much an occluder at each place disturbs Rope.",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="picture (PNG); grids (.npz), figures (.json) beside it"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--weights", type=Path, nargs="+", help="Rope weights, a row for each; default: the bundled ones"
    )
    which.add_argument("--untrained", action="store_true", help="random weights")
    parser.add_argument("--names", nargs="+", help="what the rows are called")
    parser.add_argument("--video", type=Path, help="a clip; default: a posed body whose truth is known")
    parser.add_argument("--frame", type=int, default=0, help="which of its frames")
    parser.add_argument("--data", type=Path, help="prepared motion: figures are means over people in it")
    parser.add_argument("--count", type=count, default=24, help="how many people of --data")
    parser.add_argument("--deviation", action="store_true", help="measure from the prediction without an occluder")
    parser.add_argument("--shape", choices=(*SHAPES, "all"), default="all")
    parser.add_argument("--patch", type=count, default=40, help=f"side of the square, for a crop of {CROP} pixels")
    parser.add_argument("--stride", type=count, default=10, help="from place to place, likewise")
    parser.add_argument("--reduce", choices=("max", "mean"), default="max", help="over joints")
    options = parser.parse_args()
    if options.out.suffix.lower() != ".png":
        parser.error(f"the picture {options.out.name} has to be a .png")
    try:
        models = _models(options.weights, options.names, options.untrained)
        if options.patch > CROP // 2 or options.stride > CROP:
            raise RecoverError(
                ErrorCode.BAD_SETTING, "The patch is 1 to 112 pixels and the stride 1 to 224.", "Choose other numbers."
            )
        body = Body.load()
        if options.video is not None:
            subject = filmed_subject(next(iter(models.values())), options.video, options.frame)
        elif any(model.config.input == "rgb" for model in models.values()):
            raise RecoverError(
                ErrorCode.BAD_SETTING, "Weights that look at pictures need a clip.", "Name one with --video."
            )
        else:
            subject = posed_subject(body)
        if options.deviation:
            subject = subject._replace(truth=None)
        subjects = [] if options.data is None else moving_subjects(body, options.data, options.count)
        shapes = SHAPES if options.shape == "all" else (options.shape,)
        slid = (options.patch, options.stride)
        found = {name: maps(model, body, subject, shapes, *slid) for name, model in models.items()}
        draw(options.out, subject, found, options.reduce)
        lines = []
        for name, row in found.items():
            for shape, (plain, fitted) in row.items():
                if subjects:
                    row_of = figures(models[name], body, subjects, shape, *slid)
                else:
                    row_of = {"mpjpe_mean": plain.mean(), "mpjpe_max": plain.max(), "pa_mean": fitted.mean(),
                              "pa_max": fitted.max()}  # fmt: skip
                rounded = {key: round(float(value), 1) for key, value in row_of.items()}
                lines.append({"weights": name, "shape": shape, "places": plain.shape[:2], **rounded})
                print(json.dumps(lines[-1]), flush=True)
        _write(options.out, found, lines)
    except RecoverError as error:
        print(f"Error: {error.sentence}\n{error.remedy}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {options.out} cannot be written ({error}).\nChoose another folder.", file=sys.stderr)
        return 1
    return 0


def _write(path: Path, found: dict[str, dict[str, Any]], lines: list[dict[str, Any]]) -> None:
    """Grids and figures beside the picture."""
    arrays = {
        "_".join((*([name] if len(found) > 1 else []), shape, kind)): grid
        for name, row in found.items()
        for shape, pair in row.items()
        for kind, grid in zip(("mpjpe", "pa"), pair, strict=True)
    }
    np.savez(path.with_suffix(".npz"), **arrays)
    path.with_suffix(".json").write_text(json.dumps(lines, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
