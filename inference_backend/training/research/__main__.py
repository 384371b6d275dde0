"""Train the released configuration on data sets of your own: `python -m inference_backend.training.research STAGE ...`.

Stages, in their order: tokenizer, pose_pretrain, motion_pretrain, image_pretrain, video_pretrain, video_train. Each
goes on from the weights that --init-from names: those of the stage before it, or a converted released checkpoint.
See docs/training_research.md for the layouts of the data.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ...body.body import Body
from ...models.moro.config import RESEARCH, MoroConfig
from ...models.moro.files.checkpoint import network_from, read_released_backbone, read_released_tokenizer
from ...models.moro.files.statistics_file import bundled_statistics, read_released_statistics
from ...models.moro.files.weights_file import read_weights
from ...models.moro.network import Moro
from ...models.moro.tokenizer.connections import Connections, connections_from_tables, read_connections
from ...models.moro.tokenizer.smoother import Smoother
from ...protocol.errors import ErrorCode, RecoverError
from ..counts import count
from ..loop import Budget, Loop, Stage, choose_device
from .bodies import Bodies
from .motion import MotionPretraining, TokenizerTraining
from .plans import FINAL_RATE, ORDER, PLANS, WARM_UP, WEIGHT_DECAY, Plan
from .run import Run
from .sources import Folders
from .vision import ImagePretraining, VideoTraining

_STAGES = {
    "tokenizer": TokenizerTraining,
    "motion": MotionPretraining,
    "image": ImagePretraining,
    "still": ImagePretraining,
    "video": VideoTraining,
}


def make_stage(run: Run) -> Stage:
    """The stage that a run is of."""
    return _STAGES[run.plan.task](run)


def fresh_network(config: MoroConfig, connections: Connections, seed: int) -> Moro:
    """A random start."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Moro(replace(config, tokenizer=replace(config.tokenizer, slots=connections.slots)))
        model.set_connections(connections)
        model.vqvae.reset_parameters()
        model.dst_former.reset_parameters()
        if model.backbone is not None:
            torch.nn.init.trunc_normal_(model.backbone.model.pos_embed, std=0.02)
    model.tie_token_table()
    model.set_statistics(bundled_statistics())
    return model


def start_from(path: Path, given: Connections | None) -> tuple[Moro, Connections]:
    """The network of a weights file and its connections, which released weights do not carry.

    Raises:
        RecoverError: the file cannot be used, or connections are missing.
    """
    file = read_weights(path)
    prefix = "connections."
    tables = {k.removeprefix(prefix): v.numpy() for k, v in file.tensors.items() if k.startswith(prefix)}
    own = connections_from_tables(tables, path, file.config.tokenizer) if tables else given
    if own is None:
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The weights {path.name} come without connection files.",
            "Name the folder of the tokenizer's _pool and _unpool files with --connections.",
        )
    return network_from(file, path, None if tables else own), own


def load_bodies(folder: Path, ids: np.ndarray, device: torch.device) -> Bodies:
    """SMPLX_NEUTRAL.npz, and the male and female bodies that are beside it.

    Raises:
        RecoverError: the neutral body is missing.
    """
    files = {gender: folder / f"SMPLX_{gender.upper()}.npz" for gender in ("neutral", "male", "female")}
    bodies = {gender: Body.load(file) for gender, file in files.items() if gender == "neutral" or file.is_file()}
    return Bodies(bodies, ids, device)


def train(arguments: argparse.Namespace, config: MoroConfig = RESEARCH) -> None:
    """Run one stage.

    Raises:
        RecoverError: something is missing, or cannot be used.
    """
    stage, device = arguments.stage, choose_device(arguments.device)
    plan: Plan = PLANS[stage]
    plan = replace(plan, batch=arguments.batch or plan.batch, frames=min(arguments.frames or plan.frames, plan.frames))
    given = read_connections(arguments.connections, config.tokenizer) if arguments.connections else None
    if arguments.init_from is not None:
        model, connections = start_from(arguments.init_from, given)
    elif (stage == ORDER[0] or arguments.tokenizer is not None) and given is not None:
        model, connections = fresh_network(config, given, arguments.seed), given
    else:
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The stage {stage} has nothing to start from.",
            "Name weights with --init-from; --connections are enough for tokenizer, and with --tokenizer for all.",
        )
    if arguments.tokenizer is not None:
        model.vqvae.load_state_dict(read_released_tokenizer(arguments.tokenizer, config).state_dict())
        model.tie_token_table()
    if arguments.backbone is not None:
        model.backbone.model.load_state_dict(read_released_backbone(arguments.backbone, config).state_dict())
    if arguments.statistics is not None:
        model.set_statistics(read_released_statistics(arguments.statistics))
    if stage == "video_train":  # as released: what the smoother learned without pictures is not used
        model.smoother = Smoother(config.tokenizer.code_size, config.smoother_width)
    model.requires_grad_(True)
    model.mask_transformer.token_emb.requires_grad_(False)
    model.vqvae.requires_grad_(stage == "tokenizer")
    model.vqvae.vq_vae.requires_grad_(False)
    model = model.to(device)
    run = Run(
        stage,
        plan,
        model,
        connections,
        load_bodies(arguments.bodies, model.vertex_ids, device),
        Folders(
            arguments.amass,
            arguments.egobody,
            tuple(arguments.bedlam) if arguments.bedlam else None,
            tuple(tuple(pair) for pair in arguments.images),
        ),
        torch.Generator(device).manual_seed(arguments.seed),
        device,
        arguments.out,
    )
    steps = arguments.steps or plan.steps
    budget = Budget(
        arguments.minutes,
        steps,
        plan.rate,
        min(WARM_UP, max(1, steps // 20)),
        FINAL_RATE,
        1e-5 if stage == "tokenizer" else WEIGHT_DECAY,
        plan.betas,
        arguments.save_every,
    )
    Loop(make_stage(run), budget, arguments.out, run.generator, device).run(resume=arguments.resume)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m inference_backend.training.research",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", choices=ORDER)
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and resume files")
    parser.add_argument("--bodies", type=Path, required=True, help="folder with SMPLX_NEUTRAL.npz, _MALE, _FEMALE")
    parser.add_argument("--init-from", type=Path, help="weights to start from")
    parser.add_argument("--connections", type=Path, help="the tokenizer's connection files, for weights without them")
    parser.add_argument("--tokenizer", type=Path, help="the authors' tokenizer.ckpt, in the place of one's own")
    parser.add_argument("--backbone", type=Path, help="4D-Humans' HMR2 checkpoint, to take its image backbone from")
    parser.add_argument("--statistics", type=Path, help="the authors' amass_cum_traj.pkl")
    parser.add_argument("--amass", type=Path)
    parser.add_argument("--egobody", type=Path)
    parser.add_argument("--bedlam", type=Path, nargs=2, metavar=("ANNOTATIONS", "IMAGES"))
    parser.add_argument(
        "--images", type=Path, nargs=2, action="append", default=[], metavar=("ANNOTATIONS", "IMAGES"),
        help="a set of single images; may be given several times",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--steps", type=count, help="instead of the stage's own number")
    parser.add_argument("--batch", type=count, help="clips a step, instead of the stage's own number")
    parser.add_argument("--frames", type=count, help="frames a clip, at most the stage's own number")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--resume", action="store_true", help="go on where the resume file in the output folder stops")
    parser.add_argument("--save-every", type=float, default=600, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    try:
        train(parse(argv))
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
