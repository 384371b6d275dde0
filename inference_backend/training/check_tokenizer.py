"""How well tokens hold bodies: `python -m inference_backend.training.check_tokenizer WEIGHTS --data FOLDER`.

Mean vertex error of meshes that went through the tokenizer, and by how much each joint's rotation is off after the body
was fitted to them again, on clips of the test split.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..body.body import Body
from ..models.moro.files.checkpoint import load_network
from ..models.moro.mesh.fit_body import BodyFitting
from ..models.moro.network import Moro
from ..protocol.errors import RecoverError
from ..protocol.skeleton import BODY_JOINTS
from .counts import count
from .data.archive import read_archive
from .data.posing import PosedBody, flat_handed
from .data.windows import MotionWindows


class TokenizerFigures(NamedTuple):
    """Errors over clips.

    Attributes:
        vertex_mm: mean vertex distance after quantisation; plain_mm: without it.
        joint_deg: `[22]`, mean angle between the local rotations and those fitted to the decoded meshes (the pelvis: to
            the true orientation); floor_deg: the same, fitted to the true meshes, which is what the fit alone loses.
    """

    vertex_mm: float
    plain_mm: float
    joint_deg: NDArray[np.float64]
    floor_deg: NDArray[np.float64]


@torch.no_grad()
def check_tokenizer(model: Moro, body: Body, windows: MotionWindows, clips: int, frames: int) -> TokenizerFigures:
    """Check a network's tokenizer.

    Args:
        model: the network.
        body: the body, with flat hands.
        windows: where clips come from.
        clips: how many.
        frames: of each.
    """
    posed = PosedBody(body, model.vertex_ids.tolist())
    fitting = BodyFitting(body, model.vertex_ids)
    autoencoder = model.vqvae.fully_conv_ae
    vertex, plain, off, floor = [], [], [], []
    for _ in range(clips):
        drawn = windows.draw(1, frames)
        rotations = drawn.rotations[0].clone()
        rotations[:, 0] = torch.eye(3)
        mesh = posed.mesh(drawn.betas, rotations)
        latent = autoencoder.encode(mesh)
        decoded = model.vqvae.decode(model.vqvae.vq_vae.nearest(latent))
        vertex.append((decoded - mesh).norm(dim=-1).mean())
        plain.append((autoencoder.decode(latent) - mesh).norm(dim=-1).mean())
        for meshes, errors in ((decoded, off), (mesh, floor)):
            found = fitting.fit(lambda index, meshes=meshes: meshes[index], frames).rotations
            errors.append(_angles(found, rotations).mean(0))
    degrees = [torch.stack(errors).mean(0).double().numpy() for errors in (off, floor)]
    millimetres = [1000 * float(torch.stack(values).mean()) for values in (vertex, plain)]
    return TokenizerFigures(*millimetres, *degrees)


def _angles(a: Tensor, b: Tensor) -> Tensor:
    """Angle between rotations `[...,3,3]`, degrees; from the chord, which stays exact where they are near."""
    chord = torch.linalg.matrix_norm(a - b) / (2 * 2**0.5)
    return torch.rad2deg(2 * chord.clamp(max=1).asin())


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m inference_backend.training.check_tokenizer", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with prepared motion")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--clips", type=count, default=12)
    parser.add_argument("--frames", type=count, default=60)
    arguments = parser.parse_args(argv)
    try:
        body = flat_handed(Body.load(None))
        archive = read_archive(arguments.data / f"{arguments.split}.npz", body.sha256)
        windows = MotionWindows(archive, body, torch.Generator().manual_seed(0), augment=False)
        figures = check_tokenizer(load_network(arguments.weights), body, windows, arguments.clips, arguments.frames)
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"mean vertex error {figures.vertex_mm:.1f} mm, without quantisation {figures.plain_mm:.1f} mm")
    print(f"mean rotation error after refit {figures.joint_deg.mean():.1f} degrees")
    for name, off, floor in zip(BODY_JOINTS, figures.joint_deg, figures.floor_deg, strict=True):
        print(f"  {name:16s} {off:5.1f}   (of true meshes {floor:4.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
