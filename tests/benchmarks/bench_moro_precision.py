"""What 16-bit products change: `python tests/benchmarks/bench_moro_precision.py WEIGHTS --data PREPARED_MOTION`.

Trained open weights decode windows of held-back motion with simulated landmarks in float32, float16 and bfloat16; with
the likeliest code of each token (as released) and with the mean code (as the open network is run).
"""

import argparse
import copy
import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from inference_backend.models.moro.network import Moro  # noqa: E402
from inference_backend.models.moro.recovery.decoding import Recovered, decode_tokens  # noqa: E402
from inference_backend.training.data.synthesis import Synthesis  # noqa: E402
from inference_backend.training.sizes import SIZES  # noqa: E402
from inference_backend.training.stages.context import Context  # noqa: E402

_WINDOWS, _FRAMES = 24, 64


@torch.no_grad()
def decode(model: Moro, evidence: object, dtype: torch.dtype, mean_codes: bool) -> tuple[Recovered, torch.Tensor]:
    """Tokens and local meshes."""
    model = copy.deepcopy(model)
    model.config = replace(model.config, mean_codes=mean_codes)
    model.set_precision(dtype)
    found = decode_tokens(model, model.dst_former.encode_image(evidence.tokens, evidence.valid, evidence.box))
    return found, model.meshes(model.smoother(found.codes))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    context = Context(SIZES["cpu"], options.data, Path(), torch.device(options.device), 0, options.weights)
    synthesis = Synthesis(context.posed, torch.Generator(options.device).manual_seed(2))
    evidence = synthesis.batch(context.windows("val", seed=1).draw(_WINDOWS, _FRAMES)).evidence
    model = context.model.eval()
    for mean_codes in (False, True):
        exact, mesh = decode(model, evidence, torch.float32, mean_codes)
        for dtype in (torch.float16, torch.bfloat16):
            found, other = decode(model, evidence, dtype, mean_codes)
            row = {
                "products": str(dtype).removeprefix("torch."),
                "codes": "mean" if mean_codes else "likeliest",
                "tokens_other_share": round((found.ids != exact.ids).float().mean().item(), 5),
                "mesh_mm": round(1000 * (other - mesh).norm(dim=-1).mean().item(), 3),
                "place_mm": round(1000 * (found.translation - exact.translation).norm(dim=-1).mean().item(), 3),
                "confidence": round(exact.confidence.mean().item(), 3),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
