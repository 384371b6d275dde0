"""Measure the product and write docs/evaluation.md and evaluation_clips.md: `make evaluate`, or
`python -m inference_backend.evaluation.report --clips DIR --mocap DIR`.

Figures that are there already, for the same weights, settings and stages, are not made again; so it can be stopped and
continued, and after a change only what the change touches is made anew.
"""

import argparse
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

import torch

from ...protocol.errors import RecoverError
from ...training.counts import count
from .evaluation import PARTS, Evaluation
from .page import write_pages
from .runs import log_runs
from .store import Store, commit_of

REPOSITORY = Path(__file__).resolve().parents[3]


def run(evaluation: Evaluation, store: Store, parts: list[str], only: list[str], seconds: float) -> bool:
    """Make the figures of parts that are not there yet.

    Args:
        evaluation: what to measure.
        store: where figures are kept.
        parts: of `PARTS`.
        only: patterns of names.
        seconds: begin nothing new after so long.

    Returns:
        Whether all of it was done.
    """
    began, done = time.monotonic(), True
    for part in (part for part in PARTS if part in parts):
        for unit in evaluation.units(part, store):
            kept = store.get(unit)
            if (kept is not None and kept.current) or not any(fnmatch(unit.name, pattern) for pattern in only):
                continue
            if time.monotonic() - began > seconds:
                done = False
                break
            started = time.process_time()
            store.make(unit)
            print(f"{part}: {unit.name} ({time.process_time() - started:.1f} s of processor time)", flush=True)
    return done


def _folder(path: Path | None) -> Path | None:
    """A folder of development data; one that is not there is told, and what needs it is left out of the page."""
    if path is None or path.is_dir():
        return None if path is None else path.resolve()
    print(f"There is no folder {path}: what is measured on it is left out.", file=sys.stderr)
    return None


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m inference_backend.evaluation.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--clips", type=Path, help="folder of reference clips, X.mp4 and X.npz; none are scored without"
    )
    parser.add_argument("--mocap", type=Path, help="folder of motion packs; no synthetic clips without")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "build" / "evaluation", help="caches and figures")
    parser.add_argument("--docs", type=Path, default=REPOSITORY / "docs", help="folder of the page and its pictures")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--only", nargs="*", default=["*"], metavar="PATTERN", help="only figures of these names")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin nothing new after so long")
    parser.add_argument("--motions", type=count, default=16, help="synthetic motions")
    parser.add_argument("--moro", help="MoRo weights in place of the bundled ones")
    parser.add_argument("--rope", help="Rope weights in place of the bundled ones")
    parser.add_argument("--draw", nargs="*", default=[], help="clips whose recovered bodies may be drawn, as patterns")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {sorted(unknown)[0]}; choose of {', '.join(PARTS)}")
    torch.set_num_threads(1)
    clips, mocap = (_folder(path) for path in (arguments.clips, arguments.mocap))
    try:
        evaluation = Evaluation(
            REPOSITORY, clips, mocap, arguments.work.resolve(), arguments.moro, arguments.rope, arguments.motions
        )
        store = Store(evaluation.work / "figures", commit_of(REPOSITORY))
        done = run(evaluation, store, arguments.parts, arguments.only, 60 * arguments.minutes)
        log_runs(evaluation, store, arguments.docs / "evaluation_runs.csv")
        write_pages(evaluation, store, arguments.docs, arguments.draw)
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error}. Name folders that can be written to with --work and --docs.", file=sys.stderr)
        return 1
    if not done:
        print("Time is up; the same command goes on where this one stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
