"""Rope: pose, shape, camera and visibility of a person from one image (RopeTP section 3.1)."""

from typing import Final, NamedTuple

import roma
import torch
from torch import Tensor, nn

from ...geometry.rot6d import matrix_from_rot6d_columns, rot6d_columns
from ...protocol.skeleton import BODY_JOINTS
from .acpr import LevelExchange, PartEncoder, expand
from .backbone import LightBackbone, conv_norm
from .camera import camera_from_box
from .config import RopeConfig
from .hagt import Hagt, PooledTokens
from .parts import PART_JOINTS, part_levels
from .proxy import PROXY_CHANNELS
from .rgb_backbone import RgbBackbone

_BODY = len(BODY_JOINTS)
_START_SCALE: Final = 0.9
_ARMS_DOWN: Final = 1.1
"""Radians by which the shoulders are lowered in the pose from which the pose head starts."""


class RopeOutput(NamedTuple):
    """What Rope says of B images.

    Attributes:
        rotations: `[B,22,3,3]`, the pelvis to the camera's axes, then local rotations.
        betas: `[B,10]`.
        camera: `[B,3]`, weak camera s, tx, ty of the square box (see `camera`).
        visibility: `[B,24]`, logits: the joint can be seen.
        pose6d: `[B,24,6]`, rotations by columns, the pelvis' before it is turned from the box's view
            (`RopeConfig.turn_to_box`); those of the fingers carry nothing.
        logits: `[B,J+1,h,w]` for each level, segmentation and attention in one; empty without attention.
    """

    rotations: Tensor
    betas: Tensor
    camera: Tensor
    visibility: Tensor
    pose6d: Tensor
    logits: dict[str, Tensor]


class Rope(nn.Module):
    """The whole network; random weights until some are loaded.

    Args:
        config: sizes and switches.

    Raises:
        RecoverError: `MISSING_PART` when an RGB configuration lacks `timm`.
    """

    def __init__(self, config: RopeConfig) -> None:
        super().__init__()
        self.config = config
        if config.input == "rgb":
            self.backbone: nn.Module = RgbBackbone(config.backbone)
        else:
            self.backbone = LightBackbone(PROXY_CHANNELS, config.channels, config.blocks)
        fused = self.backbone.out_channels
        self.neck = conv_norm(fused, config.neck, 1) if config.neck else nn.Identity()
        tokenizer = Hagt if config.tokens == "attention" else PooledTokens
        self.tokenizer = tokenizer((config.neck or fused) + 2 * config.coordinates, config)
        parts = {name: len(part_levels()[name]) for name in config.levels}
        self.encoders = nn.ModuleDict({name: PartEncoder(count, config) for name, count in parts.items()})
        self.exchange = LevelExchange(config) if config.regressor == "acpr" else None
        mixed = config.token * len(config.levels)
        self.pose_in = nn.Sequential(nn.LayerNorm(mixed), nn.Linear(mixed, config.pose_hidden), nn.GELU())
        self.pose_weight = nn.Parameter(0.001 * torch.randn(len(PART_JOINTS), config.pose_hidden, 6))
        self.pose_bias = nn.Parameter(_mean_pose())
        self.visibility = nn.Linear(mixed, 1)
        self.shape = nn.Sequential(
            nn.Linear(sum(parts.values()) * config.token + 3, config.shape_hidden),
            nn.GELU(),
            nn.Linear(config.shape_hidden, 13),
        )
        nn.init.normal_(self.shape[2].weight, std=0.001)
        with torch.no_grad():
            self.shape[2].bias.copy_(torch.tensor([0.0] * 10 + [_START_SCALE, 0.0, 0.0]))

    def set_mean_pose(self, rotations: Tensor) -> None:
        """Start the pose head from a pose `[22,3,3]`, e.g. the training data's mean, the pelvis to the camera."""
        with torch.no_grad():
            self.pose_bias[:_BODY] = rot6d_columns(rotations).to(self.pose_bias)

    def features(self, images: Tensor) -> Tensor:
        """The map `[B,Cf,h,w]` that the tokenizer reads, of images `[B,C,H,W]`."""
        found = self.neck(self.backbone(images))
        if not self.config.coordinates:
            return found
        y, x = (torch.linspace(-1, 1, count).to(found) for count in found.shape[-2:])
        place = torch.stack((x.expand(len(y), -1), y[:, None].expand(-1, len(x))))
        return torch.cat((found, place.expand(len(found), -1, -1, -1)), 1)

    def forward(self, images: Tensor, box: Tensor) -> RopeOutput:
        """Read a batch of images.

        Args:
            images: `[B,C,H,W]`, proxy images or crops in 0..1 (`config.input`).
            box: `[B,3]`, `camera.box_feature`.
        """
        found = self.tokenizer(self.features(images))
        whole = found.tokens.get("whobo")
        parts = {name: encoder(found.tokens[name], whole) for name, encoder in self.encoders.items()}
        joints = expand(parts)
        mix = torch.cat(list(joints.values()) if self.exchange is None else self.exchange(joints), -1)
        offset = torch.einsum("bjc,jcd->bjd", self.pose_in(mix), self.pose_weight)
        pose6d = self.pose_bias + offset
        flat = torch.cat([*(tokens.flatten(1) for tokens in parts.values()), box], 1)
        betas, camera = self.shape(flat).split((10, 3), 1)
        rotations = matrix_from_rot6d_columns(pose6d[:, :_BODY])
        if self.config.turn_to_box:
            root = camera_from_box(box) @ rotations[:, :1]
            rotations = torch.cat((root, rotations[:, 1:]), 1)
        return RopeOutput(rotations, betas, camera, self.visibility(mix).squeeze(-1), pose6d, found.logits)


def _mean_pose() -> Tensor:
    """Upright before the camera and facing it, arms lowered: `[24,6]`."""
    turns = torch.zeros(len(PART_JOINTS), 3)
    turns[0, 0] = torch.pi
    turns[BODY_JOINTS.index("left_shoulder"), 2] = -_ARMS_DOWN
    turns[BODY_JOINTS.index("right_shoulder"), 2] = _ARMS_DOWN
    return rot6d_columns(roma.rotvec_to_rotmat(turns))
