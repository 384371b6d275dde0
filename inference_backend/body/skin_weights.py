"""Skin weights of fingers, jaw and eyes, given to the body joints that they hang on."""

import torch
from torch import Tensor

from ..protocol.skeleton import BODY_ANCESTOR, BODY_JOINTS


def sum_by_body_joint(shares: Tensor) -> Tensor:
    """Sum the shares of the 55 joints `[P,55,...]`, as skin weights, by the body joint above each (`BODY_ANCESTOR`).

    Returns:
        `[P,22,...]`.
    """
    ancestor = torch.tensor(BODY_ANCESTOR, device=shares.device)
    return shares.new_zeros(len(shares), len(BODY_JOINTS), *shares.shape[2:]).index_add_(1, ancestor, shares)
