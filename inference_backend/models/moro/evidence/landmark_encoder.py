"""What the image backbone is to pictures, for landmarks: a small transformer over time that comes pre-trained.

Landmarks of a single frame say little that is sure, so the frames of a window look at each other before they become
evidence. It learns to predict the body's pose and placement by itself (`BodyPrediction`); MoRo's image encoder then
takes its features, and its decoder starts from its placement and from the tokens of its body.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ....geometry.blazepose_bones import BONES
from ....geometry.rot6d import matrix_from_rot6d_rows
from ..layers.attention import Mlp, TemporalAttention
from .landmark_evidence import CHANNELS

LANDMARKS = 33
JOINTS = 22
SHAPES = 10
_BOX_NUMBERS = 4
_USUAL_SIDE = 0.5
"""Box side, over the focal length, of a person of usual size at some four metres: zero as an input."""


_USUAL_BONE_SIGMA, _USUAL_LANDMARK_SIGMA = 0.25, 0.04
_DOUBT = 3.5
"""Bounds of the logarithm of how far an uncertainty may be from usual."""


class Evidence(NamedTuple):
    """What the rest of the network takes from a window.

    Attributes:
        tokens: `[B,T,K,C]`, features of the parts of the body.
        box: `[B,T,C]`, features that join the box token.
    """

    tokens: Tensor
    box: Tensor


class BodyPrediction(NamedTuple):
    """What the encoder predicts by itself.

    Attributes:
        local: `[B,T,21,3,3]`, local rotations of the body's joints.
        betas: `[B,10]`, shape, one for the window.
        weak: `[B,T,9]`, weak camera.
        contact: `[B,T,4]`, logits: left ankle, left foot, right ankle, right foot.
    """

    local: Tensor
    betas: Tensor
    weak: Tensor
    contact: Tensor


class LandmarkUncertainty(NamedTuple):
    """Directions of bones, and how uncertain they and the landmarks are, in the view.

    Attributes:
        bones: `[B,T,Nb,3]`, unit directions of the bones of `geometry.blazepose_bones`.
        bone_sigma: `[B,T,Nb]`, how far these are off, as a share of the bone's length.
        landmark_sigma: `[B,T,33]`, how far the landmarks are off in the image, metres at the person's depth.
    """

    bones: Tensor
    bone_sigma: Tensor
    landmark_sigma: Tensor


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, reach: int) -> None:
        super().__init__()
        self.norm_a, self.norm_m = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = TemporalAttention(width, heads, reach)
        self.mlp = Mlp(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm_a(x))
        return x + self.mlp(self.norm_m(x))


class LandmarkEncoder(nn.Module):
    """One token a frame, attention over time.

    Args:
        width, depth, heads, reach: of the transformer; attention sees frames i - reach .. i + reach.
        parts: evidence tokens that it makes of a frame.
        out: channels of each.
    """

    def __init__(self, width: int, depth: int, heads: int, reach: int, parts: int, out: int) -> None:
        super().__init__()
        self._parts = parts
        self.embed = nn.Linear(LANDMARKS * CHANNELS + _BOX_NUMBERS, width)
        self.layers = nn.ModuleList(_Layer(width, heads, reach) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.pose = nn.Linear(width, (JOINTS - 1) * 6)
        self.camera = nn.Linear(width, 9)
        self.betas = nn.Linear(width, SHAPES)
        self.contact = nn.Linear(width, 4)
        self.bones = nn.Linear(width, 3 * len(BONES))
        self.doubt = nn.Linear(width, len(BONES) + LANDMARKS)
        self.parts = nn.Linear(width, (parts + 1) * out)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Random start: linear layers of unit gain; heads that turn joints start at rest, standing upright."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
        for layer in self.layers:
            for last in (layer.attention.proj, layer.mlp.fc2):
                last.weight.mul_((2 * len(self.layers)) ** -0.5)
        for head in (self.pose, self.camera, self.betas, self.contact, self.bones, self.doubt):
            head.weight.mul_(0.1)
        self.pose.bias.copy_(torch.eye(3)[:2].flatten().repeat(JOINTS - 1))
        # Facing the camera, whose y axis points down, and filling most of the box.
        self.camera.bias[:7] = torch.tensor([1.0, 0, 0, 0, -1.0, 0, 0.0])

    def features(self, tokens: Tensor, box: Tensor) -> Tensor:
        """Landmark tokens `[B,T,33,7]`, zeros where they are not valid, and box feature `[B,T,3]` to `[B,T,W]`."""
        side = box[..., 2:]
        anyone = tokens[..., -1:].amax(-2)
        x = torch.cat((tokens.flatten(-2), box[..., :2] / side, (side / _USUAL_SIDE).log(), anyone), -1)
        x = self.embed(x)[:, :, None]
        for layer in self.layers:
            x = layer(x)
        return self.norm(x[:, :, 0])

    def predict(self, features: Tensor) -> BodyPrediction:
        """Pose and placement by itself."""
        local = matrix_from_rot6d_rows(self.pose(features).unflatten(-1, (JOINTS - 1, 6)))
        return BodyPrediction(local, self.betas(features.mean(1)), self.camera(features), self.contact(features))

    def uncertainty(self, features: Tensor) -> LandmarkUncertainty:
        """Bones as they should have been seen, and the standard deviations of these and of the landmarks."""
        bones = functional.normalize(self.bones(features).unflatten(-1, (-1, 3)), dim=-1)
        bone_sigma, landmark_sigma = self.doubt(features).split((len(BONES), LANDMARKS), -1)
        bone_sigma = _USUAL_BONE_SIGMA * bone_sigma.clamp(-_DOUBT, _DOUBT).exp()
        return LandmarkUncertainty(
            bones, bone_sigma, _USUAL_LANDMARK_SIGMA * landmark_sigma.clamp(-_DOUBT, _DOUBT).exp()
        )

    def evidence(self, features: Tensor) -> Evidence:
        """Evidence for the image encoder."""
        parts = self.parts(features).unflatten(-1, (self._parts + 1, -1))
        return Evidence(parts[..., :-1, :], parts[..., -1, :])
