"""A light backbone after HRNet (Sun et al., CVPR 2019) for small proxy images: branches of falling resolution that stay
alive side by side and keep exchanging what they know."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def conv_norm(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution, batch norm, and ReLU if wanted."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class _Block(nn.Module):
    """Two convolutions around which the input passes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_norm(channels, channels), conv_norm(channels, channels, relu=False))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


class _Exchange(nn.Module):
    """Every branch gets the sum of all, brought to its own resolution and channels."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.ModuleList(self._path(channels, source, target) for source in range(len(channels)))
            for target in range(len(channels))
        )

    @staticmethod
    def _path(channels: tuple[int, ...], source: int, target: int) -> nn.Module:
        if source == target:
            return nn.Identity()
        if source > target:
            return conv_norm(channels[source], channels[target], 1, relu=False)
        down = [conv_norm(channels[source], channels[source], 3, 2) for _ in range(target - source - 1)]
        return nn.Sequential(*down, conv_norm(channels[source], channels[target], 3, 2, relu=False))

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        return [functional.relu(self._sum(paths, branches, i)) for i, paths in enumerate(self.paths)]

    @staticmethod
    def _sum(paths: nn.ModuleList, branches: list[Tensor], target: int) -> Tensor:
        total = branches[target]
        for source, path in enumerate(paths):
            if source != target:
                part = path(branches[source])
                if source > target:
                    part = functional.interpolate(part, size=total.shape[-2:], mode="nearest")
                total = total + part
        return total


class LightBackbone(nn.Module):
    """Images `[B,C,H,W]` to a fused map `[B,sum(channels),H/2,W/2]`.

    Args:
        inputs: channels of the images.
        channels: of the branches at strides 2, 4, 8, ...
        blocks: residual blocks for each branch in each stage.

    Attributes:
        out_channels: of the fused map.
    """

    def __init__(self, inputs: int, channels: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.out_channels = sum(channels)
        self.stem = nn.Sequential(conv_norm(inputs, channels[0], 3, 2), *(_Block(channels[0]) for _ in range(blocks)))
        self.openings, self.stages, self.exchanges = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for count in range(2, len(channels) + 1):
            self.openings.append(conv_norm(channels[count - 2], channels[count - 1], 3, 2))
            self.stages.append(
                nn.ModuleList(nn.Sequential(*(_Block(c) for _ in range(blocks))) for c in channels[:count])
            )
            self.exchanges.append(_Exchange(channels[:count]))

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        branches = [self.stem(images)]
        for opening, stage, exchange in zip(self.openings, self.stages, self.exchanges, strict=True):
            branches.append(opening(branches[-1]))
            branches = exchange([blocks(branch) for blocks, branch in zip(stage, branches, strict=True)])
        return fuse_maps(branches)


def fuse_maps(branches: list[Tensor]) -> Tensor:
    """Feature maps of falling resolution, brought to the first one's and put side by side (PARE's neck)."""
    size = branches[0].shape[-2:]
    return torch.cat(
        [branches[0], *(functional.interpolate(x, size=size, mode="bilinear") for x in branches[1:])], dim=1
    )
