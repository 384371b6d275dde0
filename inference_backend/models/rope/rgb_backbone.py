"""HRNet-W32 and W48 for RGB crops (Sun et al., CVPR 2019), from the optional package `timm`."""

from typing import Final

import torch
from torch import Tensor, nn

from ...protocol.errors import ErrorCode, RecoverError
from .backbone import fuse_maps

_MEAN: Final = (0.485, 0.456, 0.406)
_STD: Final = (0.229, 0.224, 0.225)


class RgbBackbone(nn.Module):
    """Crops `[B,3,H,W]` in 0..1 to a fused map `[B,Cf,H/4,W/4]`; Cf = 480 (W32) or 720 (W48).

    Args:
        name: `hrnet_w32` or `hrnet_w48`.

    Attributes:
        out_channels: Cf.

    Raises:
        RecoverError: `MISSING_PART` when `timm` is not installed.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        try:
            import timm
        except ImportError as error:
            raise RecoverError(
                ErrorCode.MISSING_PART,
                f'Rope with pictures needs the optional package timm for its backbone "{name}" ({error}).',
                "Install it with: pip install timm torchvision, in versions that fit the installed torch.",
            ) from error
        # With the default feature location timm hands out wider maps from inside its classification head.
        self.net = timm.create_model(
            name, pretrained=False, features_only=True, feature_location="", out_indices=(1, 2, 3, 4)
        )
        self.out_channels = sum(self.net.feature_info.channels())
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        return fuse_maps(self.net((images - self.mean) / self.std))
