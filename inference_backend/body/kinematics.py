"""Forward kinematics level by level of the tree: the few large matrix products that an optimiser's inner loop wants."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class KinematicTree(nn.Module):
    """A tree of joints, grouped by depth.

    Args:
        parents: parent of each joint, -1 for the root, which is joint 0; parents come before their children.
    """

    def __init__(self, parents: Sequence[int]) -> None:
        super().__init__()
        depth = [0] * len(parents)
        for joint, parent in enumerate(parents):
            if joint:
                depth[joint] = depth[parent] + 1
        levels = [[j for j, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]
        self.count = len(levels)
        order = [j for level in levels for j in level]
        for i, level in enumerate(levels):
            self.register_buffer(f"joints_{i}", torch.tensor(level), persistent=False)
            if i:
                above = [levels[i - 1].index(parents[j]) for j in level]
                self.register_buffer(f"parents_{i}", torch.tensor(above), persistent=False)
        self.register_buffer("order", torch.tensor([order.index(j) for j in range(len(parents))]), persistent=False)
        self.register_buffer("parents", torch.tensor([0, *parents[1:]]), persistent=False)

    def forward(self, rest: Tensor, local: Tensor) -> tuple[Tensor, Tensor]:
        """Pose the tree about its resting root.

        Args:
            rest: joints in the zero pose, `[...,J,3]`, metres.
            local: rotation of each joint in its parent's frame (the root's in the world's), `[...,J,3,3]`.
                Leading dimensions of both broadcast.

        Returns:
            Joints `[...,J,3]`, metres (the root where it rests), and rotations to the world `[...,J,3,3]`.
        """
        bones = (rest - rest.index_select(-2, self.parents)).unsqueeze(-1)
        rotation = local.index_select(-3, self.joints_0)
        position = rest.index_select(-2, self.joints_0).unsqueeze(-1)
        position = position.expand(torch.broadcast_shapes(position.shape, (*rotation.shape[:-1], 1)))
        rotations, positions = [rotation], [position]
        for level in range(1, self.count):
            joints, above = getattr(self, f"joints_{level}"), getattr(self, f"parents_{level}")
            parent = rotation.index_select(-3, above)
            position = position.index_select(-3, above) + parent @ bones.index_select(-3, joints)
            rotation = parent @ local.index_select(-3, joints)
            rotations.append(rotation)
            positions.append(position)
        joints = torch.cat(positions, dim=-3).index_select(-3, self.order).squeeze(-1)
        return joints, torch.cat(rotations, dim=-3).index_select(-3, self.order)
