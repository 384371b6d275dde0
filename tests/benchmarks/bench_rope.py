"""Rope's speed on proxy images, with random weights: `python tests/benchmarks/bench_rope.py [--device cpu|cuda] [...]`.

Both sizes of the open configuration as the estimator runs them, in batches of 64 frames: drawing the proxy images, the
network, and for training the splats of posed bodies. On a busy machine read the processor time of one thread: two quiet
cores take half of it. `share_of_product` is the network's arithmetic rate over that of a large matrix product in the
same run.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from inference_backend.body.body import Body  # noqa: E402
from inference_backend.evaluation.posed_subjects import posed_subject  # noqa: E402
from inference_backend.models.rope.camera import square_box  # noqa: E402
from inference_backend.models.rope.config import ABLATIONS, ablation  # noqa: E402
from inference_backend.models.rope.network import Rope  # noqa: E402
from inference_backend.models.rope.proxy import proxy_image  # noqa: E402
from inference_backend.models.rope.splat import visible_labels  # noqa: E402
from inference_backend.models.rope.surface_cloud import SurfaceCloud  # noqa: E402
from inference_backend.training.rope.sizes import ROPE_SIZES  # noqa: E402

BATCH = 64


def clocked(device: str, work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Wall and processor milliseconds of one round, after one to warm up; the best of the rounds."""
    work()
    best = (float("inf"), float("inf"))
    for _ in range(rounds):
        if device == "cuda":
            torch.cuda.synchronize()
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best[0], 1000 * (time.perf_counter() - wall)), min(best[1], 1000 * (time.process_time() - cpu))
    return best


def multiplications(model: nn.Module, images: Tensor, box: Tensor) -> float:
    """Multiply-adds of the convolutions and linear layers for one image, in millions."""
    total = [0]

    def count(layer: nn.Module, _inputs: tuple, output: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            total[0] += output[0].numel() * layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        else:
            total[0] += output[0].numel() * layer.in_features

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        model(images[:1], box[:1])
    for hook in hooks:
        hook.remove()
    return total[0] / 1e6


def report(name: str, device: str, times: tuple[float, float], **more: float) -> None:
    """One line of JSON."""
    wall, cpu = (value / BATCH for value in times)
    row = {"part": name, "wall_ms_a_frame": round(wall, 3)}
    if device == "cpu":
        row["processor_ms_a_frame"] = round(cpu, 3)
    print(json.dumps(row | {key: round(value, 3) for key, value in more.items()}), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Rope's speed.")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--variants", action="store_true", help="the ablation's variants, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device, rounds = options.device, options.rounds
    body = Body.load(device=device)
    subject = posed_subject(Body.load())
    images = subject.image.expand(BATCH, -1, -1, -1).to(device).contiguous()
    box = subject.box.expand(BATCH, 3).to(device)

    size = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    product = clocked(device, lambda: a @ b, rounds)
    clock = 0 if device == "cuda" else 1
    rate = 2 * size**3 / product[clock]

    configs = {f"size {name}": size.config for name, size in ROPE_SIZES.items()}
    if options.variants:
        configs |= {f"size gpu, {name}": ablation(ROPE_SIZES["gpu"].config, name) for name in ABLATIONS}
    for name, config in configs.items():
        torch.manual_seed(0)
        model = Rope(config).eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
        with torch.inference_mode():
            times = clocked(device, lambda m=model: m(images, box), rounds)
        millions = multiplications(model, images, box)
        share = 2e6 * millions * BATCH / times[clock] / rate
        weights = sum(p.numel() for p in model.parameters()) / 1e6
        report(f"network, {name}", device, times, share_of_product=share, MMAC=millions, parameters_M=weights)

    marks = torch.rand(BATCH, 33, 2, device=device) * 300
    seen, world = torch.rand(BATCH, 33, device=device), torch.randn(BATCH, 33, 3, device=device)
    mask = torch.ones(BATCH, 64, 48, device=device)
    drawn = clocked(device, lambda: proxy_image(marks, seen, world, mask, square_box(marks)), rounds)
    report("proxy images", device, drawn)
    cloud = SurfaceCloud(body).to(device)
    rest = body.rest_vertices(torch.zeros(BATCH, 10, device=device)) * torch.tensor([1.0, -1, -1], device=device)
    vertices = rest + torch.tensor([0.0, 0, 4], device=device)
    K = torch.tensor([[1000.0, 0, 0], [0, 1000, 0], [0, 0, 1]], device=device)
    where = torch.tensor([0.0, 100, 560], device=device).expand(BATCH, 3)
    drawn = clocked(device, lambda: visible_labels(cloud, vertices, K, where, (64, 48), (32, 24)), rounds)
    report("splats of a posed body", device, drawn)


if __name__ == "__main__":
    main()
