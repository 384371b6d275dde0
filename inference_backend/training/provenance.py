"""What trained weights say of where they come from."""

from typing import Final

import torch

from ..body.body import Body

ACKNOWLEDGEMENT: Final = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)


def provenance(body: Body, device: torch.device, data: str, seconds: float, steps: int) -> dict[str, str]:
    """Metadata of open weights.

    Args:
        body: that they are trained on.
        device: that they are trained on.
        data: what they learned from, beside CMU motion capture on the open body.
        seconds, steps: of training.
    """
    return {
        "body_sha256": body.sha256,
        "steps": str(steps),
        "minutes": f"{seconds / 60:.1f}",
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "data": f"CMU motion capture on the open body, {data}",
        "acknowledgement": ACKNOWLEDGEMENT,
        "licence": "CC0-1.0",
    }
