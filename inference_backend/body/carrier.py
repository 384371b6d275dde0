"""What fingers, jaw and eyes weigh, given to the body joints that carry them."""

import torch
from torch import Tensor

from ..protocol.skeleton import BODY_CARRIER, BODY_JOINTS


def fold_to_body(shares: Tensor) -> Tensor:
    """Sum the shares of the 55 joints `[P,55,...]`, as skin weights, by the body joint that carries each.

    Returns:
        `[P,22,...]`.
    """
    carrier = torch.tensor(BODY_CARRIER, device=shares.device)
    return shares.new_zeros(len(shares), len(BODY_JOINTS), *shares.shape[2:]).index_add_(1, carrier, shares)
