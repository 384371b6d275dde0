"""Recover and score a data set.

`python -m inference_backend.evaluation.evaluate --dataset emdb --root DIR --out DIR`
"""

import argparse
import json
import sys
import threading
from pathlib import Path

import numpy as np

from ..body.body import Body
from ..pipeline.cache import StageCache
from ..pipeline.device import DEVICES
from ..pipeline.progress import JobProgress
from ..pipeline.recover import Job, recover
from ..pipeline.settings import RecoverSettings
from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.result_format import load_result
from ..stages.camera.settings import CameraSettings
from ..stages.estimate.registry import DEFAULT_ESTIMATOR, ESTIMATORS
from ..stages.frames.settings import FrameSettings
from .datasets.registry import DATASETS, read_dataset
from .datasets.sequence import ReferenceSequence
from .datasets.smpl import BodyModels
from .protocols import PROTOCOLS, Pair, evaluate, without_reference
from .recovered import SmplTransfer, pair_of
from .tables import named_rows


def job_of(sequence: ReferenceSequence, arguments: argparse.Namespace) -> Job:
    """The job that recovers a sequence's frames, with the data set's camera or an estimated one."""
    camera = CameraSettings()
    if arguments.camera == "given" and sequence.K is not None and sequence.dist is not None:
        camera = CameraSettings(K=tuple(map(tuple, sequence.K.tolist())), dist=tuple(sequence.dist.tolist()))
    half = 0.5 / sequence.fps
    first, last = sequence.positions[0] / sequence.fps, sequence.positions[-1] / sequence.fps
    settings = RecoverSettings(
        estimator=arguments.estimator,
        body=None if arguments.body is None else str(arguments.body),
        camera=camera,
        frames=FrameSettings(start_s=max(0.0, float(first - half)), end_s=float(last + half), image_fps=sequence.fps),
    )
    return Job(sequence.video, arguments.out / sequence.name, settings, device=arguments.device)


def score_dataset(arguments: argparse.Namespace) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Recover and score every sequence.

    Returns:
        Figures by sequence, those over all under `all`; and a sentence for each sequence that failed.

    Raises:
        RecoverError: the data set cannot be read.
    """
    only = _names_in(arguments.sequences) if arguments.sequences else frozenset()
    models = BodyModels(arguments.body_models)
    transfer = None
    if arguments.smplx_to_smpl:
        transfer = SmplTransfer(arguments.smplx_to_smpl, Body.load(arguments.body), models.smpl("neutral"))
    cache = StageCache(arguments.out / "cache")
    pairs: list[Pair] = []
    failed: list[str] = []
    rows: dict[str, dict[str, float]] = {}
    for sequence in read_dataset(arguments.dataset, arguments.root, arguments.split, models, only):
        try:
            progress = JobProgress(sequence.name, lambda _: None)
            done = recover(job_of(sequence, arguments), cache, progress, threading.Event(), lambda _: None)
            pair = pair_of(load_result(done.result), sequence, transfer)
        except RecoverError as error:
            failed.append(f"{sequence.name}: {error}")
            continue
        pairs.append(pair)
        rows[sequence.name] = _figures([pair], arguments.protocol)
        print(
            f"{sequence.name}: " + ", ".join(f"{k} {v:.1f}" for k, v in list(rows[sequence.name].items())[:4]),
            flush=True,
        )
    if pairs:
        rows["all"] = _figures(pairs, arguments.protocol)
    return rows, failed


def _names_in(path: Path) -> frozenset[str]:
    try:
        return frozenset(path.read_text("utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT, f"The list {path} cannot be read ({error}).", "Name a text file of sequences' names."
        ) from error


def _figures(pairs: list[Pair], protocol: str) -> dict[str, float]:
    if not any(np.isfinite(pair.ref_camera).any() for pair in pairs):
        return without_reference(pairs)
    return evaluate(pairs, protocol)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line's arguments."""
    prog = "python -m inference_backend.evaluation.evaluate"
    parser = argparse.ArgumentParser(prog=prog, description="Recover and score a data set.")
    parser.add_argument("--dataset", choices=sorted(DATASETS), required=True)
    parser.add_argument("--root", type=Path, required=True, help="its folder, in its authors' layout")
    parser.add_argument("--split", help="the usual one by default")
    parser.add_argument("--sequences", type=Path, help="a text file with names of sequences; all by default")
    parser.add_argument("--out", type=Path, required=True, help="results, scores.json and the cache go here")
    parser.add_argument("--estimator", choices=sorted(ESTIMATORS), default=DEFAULT_ESTIMATOR)
    parser.add_argument("--camera", choices=("given", "estimated"), default="given")
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), help="that of the data set's papers by default")
    parser.add_argument("--body", type=Path, help="the body to recover on; the open body by default")
    parser.add_argument("--body-models", type=Path, help="your folder of SMPL and SMPL-X models, for the references")
    parser.add_argument(
        "--smplx-to-smpl", type=Path, help="smplx2smpl_deftrafo_setup.pkl: score SMPL's joints and mesh"
    )
    parser.add_argument("--device", choices=DEVICES, default="auto")
    arguments = parser.parse_args(argv)
    arguments.protocol = arguments.protocol or DATASETS[arguments.dataset].protocol
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Command line; exit status 1 when the data set cannot be read or no sequence could be recovered."""
    arguments = parse(argv)
    try:
        rows, failed = score_dataset(arguments)
    except (RecoverError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for sentence in failed:
        print(sentence, file=sys.stderr)
    if not rows:
        print(f"No sequence of {arguments.dataset} was scored.", file=sys.stderr)
        return 1
    given = {name: str(getattr(arguments, name)) for name in ("dataset", "split", "estimator", "camera", "protocol")}
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    told = ", ".join(f"{name} {value}" for name, value in given.items())
    print(f"\n{told}\n\n{named_rows('sequence', columns, rows)}")
    if arguments.body is None:
        print("\nRecovered on the open body: its joints are compared by name with those of the reference's body.")
    scores = {**given, "failed": failed, "scores": rows}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "scores.json").write_text(json.dumps(scores, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
