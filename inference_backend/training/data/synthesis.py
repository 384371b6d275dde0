"""Training batches made on the device: motion on the body, seen by virtual cameras, as corrupted landmarks.

The truth comes in the same view as the evidence: the virtual camera that looks at the person.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ...geometry.blazepose import HIPS, MIRROR
from ...geometry.blazepose_bones import BONES
from ...models.moro.evidence.landmark_evidence import LandmarkTokens, landmark_tokens
from .cameras import draw_cameras
from .foreshortening import draw_pull, lean_trunk, pull_hips, turn_in_depth
from .noise import image_noise, looking_at, normal, slow, uniform, world_landmarks
from .occlusion import draw_failures, draw_runs, false_places, heights, hide
from .posing import PosedBody
from .proportions import stretched
from .windows import Windows

_OFFSET: Final = 0.01
"""Metres: how far landmarks sit from where the body has them, constant through a window."""
_WORLD_DROPPED: Final = 0.12
"""Share of windows whose world landmarks are not given."""
_RIGID: Final = 0.6
"""Share of windows in which hidden limbs keep their lengths in the world landmarks."""
_NEAREST: Final = 0.2


class Landmarks(NamedTuple):
    """What a landmarker says of B windows.

    Attributes:
        rays: `[B,T,33,2]`, x/z, y/z.
        visibility: `[B,T,33]`.
        world: `[B,T,33,3]`, metres.
        found: bool `[B,T]`.
        hidden: bool `[B,T,33]`, the truth of what was behind something.
        true_rays: `[B,T,33,2]`, where the landmarks really are.
        true_world: `[B,T,33,3]`, true places about the hips, in the view that looks at the person.
    """

    rays: Tensor
    visibility: Tensor
    world: Tensor
    found: Tensor
    hidden: Tensor
    true_rays: Tensor
    true_world: Tensor


class Batch(NamedTuple):
    """Evidence and truth of B windows, both in the virtual view.

    Attributes:
        evidence: tokens, mask, box and turn to the camera.
        windows: the motion.
        rotation: `[B,T,3,3]`, body to view.
        translation: `[B,T,1,3]`, pelvis, metres.
        joints: `[B,T,22,3]`, metres.
        bones: `[B,T,Nb,3]`, unit directions of the landmarks' bones.
        landmarks: what the evidence was made from.
    """

    evidence: LandmarkTokens
    windows: Windows
    rotation: Tensor
    translation: Tensor
    joints: Tensor
    bones: Tensor
    landmarks: Landmarks


def corrupt(
    points: Tensor,
    border: Tensor,
    generator: torch.Generator,
    *,
    occlude: bool = True,
    covered: Tensor | None = None,
) -> Landmarks:
    """Say of true landmarks what a landmarker would.

    Args:
        points: `[B,T,33,3]`, camera frame, metres.
        border: `[B,2]`, the image's.
        generator: source of chance.
        occlude: hide things; without it only the noise of what is seen is left.
        covered: bool `[B,T,33]`, landmarks that something hides already.
    """
    batch, frames = points.shape[:2]
    true = points[..., :2] / points[..., 2:].clamp(min=_NEAREST)
    tall = heights(true)[:, None, None, None]
    depth = points[..., 2] - points[:, :, HIPS, 2].mean(2, keepdim=True)
    true_world = (looking_at(points)[:, :, None] @ (points - points[:, :, HIPS].mean(2, keepdim=True))[..., None])[
        ..., 0
    ]
    # What is on the far side of the body is seen less surely.
    far = (depth / 0.15).clamp(0, 1) * uniform((batch, 1, 33), generator, 0.0, 0.45)
    visibility = (0.96 - far + 0.05 * slow((batch, frames, 33), 8.0, generator)).clamp(0.2, 0.999)
    if occlude:
        hidden = hide(true, border, generator, covered)
        mask = hidden.mask
        visibility = torch.where(mask, hidden.visibility, visibility)
    else:
        mask = torch.zeros(true.shape[:3], dtype=torch.bool, device=true.device)
    # Spill-over: while something is hidden, what is seen is told worse, too.
    spill = uniform((batch, 1), generator, 0.2, 4.0) * (mask[:, :, 11:].float().mean(2) * 2.5).clamp(max=1)
    restless = 1 + spill
    world = world_landmarks(points, restless.clamp(max=3.0), generator)
    places = true
    if occlude:
        places = torch.where(mask[..., None], false_places(true, generator), true)
        # Hidden world landmarks follow the idea, at a depth that is guessed anew with each, or such that bones keep
        # their lengths.
        metres = points[:, :, HIPS].mean(2).norm(dim=-1)[..., None, None]
        guess = draw_runs(batch, frames, 9.0, generator).pick(normal((batch, frames, 33, 1), generator))
        shift = torch.cat(((places - true) * metres, 0.1 * guess), -1)
        idea = world + torch.where(mask[..., None], shift, 0.0)
        rigid = uniform((batch, 1, 1, 1), generator) < _RIGID
        idea = torch.where(rigid, turn_in_depth(world, idea, mask, generator), idea)
        pull = draw_pull(mask, generator)
        places, world = pull_hips(places, pull), lean_trunk(idea, pull)
    places = places + tall * image_noise(restless, generator)
    found = torch.ones(batch, frames, dtype=torch.bool, device=true.device)
    if occlude:
        fail = draw_failures(mask, generator)
        swap = (fail.swapped[..., None] ^ fail.half)[..., None]
        places = torch.where(swap, places[:, :, list(MIRROR)], places)
        behind = torch.where(fail.swapped, -1.0, 1.0)[..., None]
        world = torch.where(swap, world[:, :, list(MIRROR)], world)
        world = torch.cat((world[..., :2], world[..., 2:] * behind[..., None]), -1)
        c, s = fail.turned.cos(), fail.turned.sin()
        roll = torch.stack((torch.stack((c, -s), -1), torch.stack((s, c), -1)), -2)
        middle = places.mean(2, keepdim=True)
        places = middle + (places - middle) @ roll.mT
        world = torch.cat((world[..., :2] @ roll.mT, world[..., 2:]), -1)
        found = ~fail.missing
    return Landmarks(places, visibility, world, found, mask, true, true_world)


class Synthesis:
    """Makes batches.

    Args:
        body: poses the body.
        generator: source of chance, on the body's device.
        occlude: hide things.
    """

    def __init__(self, body: PosedBody, generator: torch.Generator, occlude: bool = True) -> None:
        self.body, self.generator, self.occlude = body, generator, occlude

    @torch.no_grad()
    def batch(self, windows: Windows) -> Batch:
        """Put windows before cameras."""
        count = len(windows.pelvis)
        betas = windows.betas[:, None]
        posed = self.body.pose(betas, windows.rotations)
        offsets = _OFFSET * normal((count, 1, 33, 3), self.generator)
        usual = self.body.landmarks(betas, posed)
        local = stretched(usual + self.body.carried(posed, offsets), self.generator)
        cameras = draw_cameras(windows.pelvis, self.generator)
        points = cameras.see(local + windows.pelvis[:, :, None])
        seen = corrupt(points, cameras.border, self.generator, occlude=self.occlude)
        kept = (uniform((count, 1, 1, 1), self.generator) >= _WORLD_DROPPED).float()
        evidence = landmark_tokens(seen.rays, seen.visibility, seen.world * kept, seen.found)
        to_view = evidence.to_camera.mT
        turn = (to_view @ cameras.rotation)[:, None]
        rotation = turn @ windows.rotations[:, :, 0]
        pelvis = (to_view[:, None] @ cameras.see(windows.pelvis)[..., None])[..., 0]
        joints = (turn[:, :, None] @ posed.joints[..., None])[..., 0] + pelvis[:, :, None]
        vectors = turn[:, :, None] @ (BONES.to(usual) @ usual)[..., None]
        bones = functional.normalize(vectors[..., 0], dim=-1)
        return Batch(evidence, windows, rotation, pelvis[:, :, None], joints, bones, seen)
