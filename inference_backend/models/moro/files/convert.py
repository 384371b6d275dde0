"""Convert the authors' checkpoint to a weights file of ours, once.

python -m inference_backend.models.moro.files.convert last.ckpt moro.safetensors [--statistics amass_cum_traj.pkl]
"""

import argparse
import sys
from pathlib import Path

from ....protocol.errors import RecoverError
from .checkpoint import convert_released
from .statistics_file import bundled_statistics, read_released_statistics


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Convert the released MoRo checkpoint.")
    parser.add_argument("checkpoint", type=Path, help="the released Lightning file of video training (last.ckpt)")
    parser.add_argument("out", type=Path, help="safetensors file to write")
    parser.add_argument(
        "--statistics", type=Path, help="the authors' trajectory statistics (amass_cum_traj.pkl); default: ours"
    )
    options = parser.parse_args()
    try:
        if options.statistics is None:
            statistics, origin = bundled_statistics(), "bundled, from CMU motion capture"
            print(
                "Note: the checkpoint lacks the trajectory statistics that it was trained with. Ours are used in their "
                "place; name the authors' file with --statistics for their exact numbers.",
                file=sys.stderr,
            )
        else:
            statistics, origin = read_released_statistics(options.statistics), options.statistics.name
        convert_released(options.checkpoint, options.out, statistics, origin=origin)
    except RecoverError as error:
        print(f"Error: {error.sentence}\n{error.remedy}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
