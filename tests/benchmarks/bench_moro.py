"""MoRo's speed and memory: `python tests/benchmarks/bench_moro.py [--part speed|memory|fit|all] [--device cpu|cuda]`.

Speed: the released size with random weights, crops to meshes; the plain float32 reading (`reference=True`) against the
default path in one run, `--compile` with compiled transformers too. On a busy machine read the processor-time columns.
Memory: clips of 500 and 2,000 frames, each in a process of its own. Fit: meshes to parameters of the open body.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from dataclasses import replace  # noqa: E402

from inference_backend.body.body import Body  # noqa: E402
from inference_backend.models.moro.config import OPEN_POINTS, RESEARCH, MoroConfig  # noqa: E402
from inference_backend.models.moro.evidence.backbone import VitBlock  # noqa: E402
from inference_backend.models.moro.evidence.landmark_evidence import CHANNELS, LandmarkSource  # noqa: E402
from inference_backend.models.moro.files.checkpoint import empty_network  # noqa: E402
from inference_backend.models.moro.files.statistics_file import bundled_statistics  # noqa: E402
from inference_backend.models.moro.layers.dual_stream import DualBlock  # noqa: E402
from inference_backend.models.moro.mesh.fit_body import BodyFitting  # noqa: E402
from inference_backend.models.moro.motion.trajectory import place  # noqa: E402
from inference_backend.models.moro.network import Moro  # noqa: E402
from inference_backend.models.moro.recovery.crop_evidence import CropSource  # noqa: E402
from inference_backend.models.moro.recovery.recover_clip import ClipMotion, recover_clip  # noqa: E402
from inference_backend.models.moro.tokenizer.build_connections import build_connections  # noqa: E402

GFLOP_A_FRAME = 730.0
"""The method's arithmetic at the released size, five steps, nothing left out."""


def random_network(config: MoroConfig, device: str) -> Moro:
    """Random weights of a sane scale: logits about as decided as trained ones, meshes that vary by centimetres."""
    body = Body.load()
    connections = build_connections(body.v_template.numpy(), body.faces.numpy(), config.tokenizer.points)
    config = replace(config, tokenizer=replace(config.tokenizer, slots=connections.slots))
    model = empty_network(config).to_empty(device="cpu")
    model.set_connections(connections)
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.weight.data.fill_(1)
    model.vqvae.reset_parameters()
    model.dst_former.d_pose_regressor.weight.data.mul_(4)
    model.dst_former.d_traj_regressor.weight.data.mul_(0.05)
    model.dst_former.d_traj_regressor.bias.data = torch.tensor([1.0, 0, 0, 0, -1, 0, 0, 0, 4])
    model.smoother.alpha.data.fill_(0.1)
    model.tie_token_table()
    model.set_statistics(bundled_statistics())
    model.requires_grad_(False)
    last = f"{len(model.vqvae.fully_conv_ae.plan) - 1}"
    meshes = model.vqvae.decode(torch.randint(0, 512, (8, config.tokenizer.tokens)))
    getattr(model.vqvae.fully_conv_ae, f"weights{last}").mul_(0.05 / meshes.std(0).mean())
    return model.eval().to(device)


def clocked(device: str, work: Callable[[], object]) -> tuple[object, float, float]:
    """Result, wall seconds and processor seconds of some work."""
    if device == "cuda":
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    if device == "cuda":
        torch.cuda.synchronize()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def recover(model: Moro, crops: np.ndarray, box: Tensor, reference: bool) -> tuple[ClipMotion, Tensor]:
    """Crops to placed meshes."""
    motion = recover_clip(model, CropSource(model, iter(crops), box), reference=reference)
    meshes = []
    with torch.no_grad():
        for part in torch.arange(len(motion)).split(50):
            local = model.meshes(motion.codes[part].to(model.trajectory_mean.device)).cpu()
            meshes.append(torch.stack((local, place(local, motion.rotation[part], motion.translation[part, None]))))
    return motion, torch.cat(meshes, 1)


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """TFLOP/s of a large matrix product."""
    size = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    a @ b
    _, wall, cpu = clocked(device, lambda: [a @ b for _ in range(4)])
    return 4 * 2 * size**3 / (wall if device == "cuda" else cpu) / 1e12


def compile_blocks(model: Moro) -> None:
    """Compile every transformer block where it is; the first run after this takes long."""
    for block in model.modules():
        if isinstance(block, VitBlock):
            block.compile(dynamic=True)
        elif isinstance(block, DualBlock):
            block._spatial = torch.compile(block._spatial, dynamic=True)
            block._temporal = torch.compile(block._temporal, dynamic=True)


def speed(device: str, frames: int, compiled: bool) -> list[dict[str, object]]:
    """Frames a second of the plain reading and of the default path."""
    model = random_network(RESEARCH, device)
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (frames, 256, 256, 3), dtype=np.uint8)
    box = torch.tensor([0.0, 0.0, 0.5]).expand(frames, 3)
    runs = [("reference float32", True, torch.float32), ("default float32", False, torch.float32)]
    if device == "cuda":
        runs.append(("default float16", False, torch.float16))
    if device == "cuda" or torch.cpu._is_avx512_bf16_supported():
        runs.append(("default bfloat16", False, torch.bfloat16))
    if compiled:
        runs.append((f"compiled {runs[-1][0].split()[1]}", False, runs[-1][2]))
    rows, first = [], None
    if device == "cuda":
        recover(model, crops[:64], box[:64], reference=False)
    for name, reference, dtype in runs:
        model.set_precision(dtype)
        if name.startswith("compiled"):
            compile_blocks(model)
            recover(model, crops, box, reference=False)
        (motion, meshes), wall, cpu = clocked(device, lambda r=reference: recover(model, crops, box, r))
        seconds = wall if device == "cuda" else cpu
        rate = matrix_rate(device, dtype)
        row = {"run": name, "frames": frames, "wall_s": round(wall, 2), "processor_s": round(cpu, 2)}
        if first is None:
            first = motion, meshes, seconds
        off = torch.linalg.vector_norm(meshes - first[1], dim=-1).mean((1, 2)) * 1000
        row |= {
            "times_the_reference": round(first[2] / seconds, 2),
            "frames_a_second": round(frames / seconds, 2),
            "method_TFLOP_a_second": round(GFLOP_A_FRAME * frames / seconds / 1000, 3),
            "matrix_product_TFLOP_a_second": round(rate, 3),
            "ids_equal_share": round((motion.ids == first[0].ids).float().mean().item(), 5),
            "mesh_mm_local_and_placed": [round(x, 4) for x in off.tolist()],
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def remember(device: str, frames: int) -> None:
    """Recover a clip of so many frames and print the peak memory; on a CPU with a small network on landmarks."""
    if device == "cuda":
        model = random_network(RESEARCH, device)
        model.set_precision(torch.float16)
        crops = (np.zeros((256, 256, 3), np.uint8) for _ in range(frames))
        source = CropSource(model, crops, torch.tensor([0.0, 0.0, 0.5]).expand(frames, 3))
        torch.cuda.reset_peak_memory_stats()
        recover_clip(model, source, steps=1)
        print(torch.cuda.max_memory_allocated())
        return
    small = replace(
        RESEARCH, backbone=None, evidence_tokens=33, evidence_channels=CHANNELS, width=128, heads=4,
        tokenizer=replace(RESEARCH.tokenizer, points=(1720, 430, 108, 54)),
    )  # fmt: skip
    model = random_network(small, device)
    shape = torch.randn(33, 2) * 0.1
    source = LandmarkSource(
        shape + 0.01 * torch.randn(frames, 33, 2), torch.rand(frames, 33), torch.randn(frames, 33, 3),
        torch.ones(frames, dtype=torch.bool),
    )  # fmt: skip
    recover_clip(model, source, steps=2)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def memory(device: str) -> None:
    """Peak memory of 2,000 frames against 500."""
    peaks = {}
    for frames in (500, 2000):
        command = [sys.executable, __file__, "--device", device, "--remember", str(frames)]
        peaks[frames] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    print(json.dumps({"peak_MB": {k: round(v / 1e6) for k, v in peaks.items()}, "ratio": peaks[2000] / peaks[500]}))


def fit(device: str, frames: int = 300) -> None:
    """Milliseconds a frame from meshes of the open body, each vertex off by a centimetre, to parameters."""
    body = Body.load().to(device)
    ids = build_connections(body.v_template.cpu().numpy(), body.faces.cpu().numpy(), OPEN_POINTS).vertex_ids
    torch.manual_seed(0)
    rotations = roma.rotvec_to_rotmat(0.25 * torch.randn(frames, 22, 3)).to(device)
    rotations[:, 10:12] = torch.eye(3)  # toes are not fitted
    flat = torch.eye(3, device=device).expand(frames, 15, 3, 3)
    betas, transl = 0.8 * torch.randn(10, device=device), torch.randn(frames, 3, device=device)
    parts = [body(betas, rotations[p, 0], rotations[p, 1:], transl[p], flat[p], flat[p]) for p in body.chunks(frames)]
    true, joints = torch.cat([p.vertices[:, ids] for p in parts]), torch.cat([p.joints[:, :22] for p in parts])
    seen = true + 0.01 * torch.randn_like(true)
    fitting = BodyFitting(body, ids)
    found, wall, cpu = clocked(device, lambda: fitting.fit(lambda at: seen[at.to(device)], frames))
    turned, _ = body.skeleton(found.betas, found.rotations[:, 0], found.rotations[:, 1:], found.transl)
    off = torch.linalg.vector_norm(turned - joints, dim=-1).mean().item()
    seconds = wall if device == "cuda" else cpu
    row = {"fit_ms_a_frame": round(1000 * seconds / frames, 1), "joints_mm": round(1000 * off, 2)}
    print(json.dumps(row | {"points": len(ids), "frames": frames}), flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="MoRo's speed and memory.")
    parser.add_argument("--part", choices=("speed", "memory", "fit", "all"), default="all")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--frames", type=int, help="frames of the speed run (500 on a GPU, 16 on a CPU)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--compile", action="store_true", help="also run with compiled transformer blocks")
    parser.add_argument("--remember", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.remember:
        remember(options.device, options.remember)
        return
    if options.part in ("memory", "all"):
        memory(options.device)
    if options.part in ("speed", "all"):
        speed(options.device, options.frames or (500 if options.device == "cuda" else 16), options.compile)
    if options.part in ("fit", "all"):
        fit(options.device)


if __name__ == "__main__":
    main()
