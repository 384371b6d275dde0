"""Random adults: MakeHuman's macro targets mixed by its own rules (`targets/macrodetails/macro.json`, CC0).

A macro target is named by the features it is a product of, for example `universal-female-young-maxmuscle-minweight`;
its weight is the product of the features' values.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .sources import read_target

SEED = 20
COUNT = 1000
SEXES = ("female", "male")
AGES = ("young", "old")  # 25 and 90 years; no children
MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHTS = ("minweight", "averageweight", "maxweight")
HEIGHTS = ("minheight", "maxheight")
PROPORTIONS = ("uncommonproportions", "idealproportions")
RACES = ("african", "asian", "caucasian")
CUPS = ("mincup", "averagecup", "maxcup")
FIRMNESSES = ("minfirmness", "averagefirmness", "maxfirmness")

# Builds that the macro targets lack: limbs and trunk of one's own length and girth. For each pair of targets (less,
# more) the standard deviation of the change; 1 is the whole target. Lengths vary by some 3 per cent of themselves.
LOCAL_CHANGES: Final = {
    "arms/measure-upperarm-length": 0.13,
    "arms/measure-lowerarm-length": 0.13,
    "legs/measure-upperleg-height": 0.16,
    "legs/measure-lowerleg-height": 0.16,
    "neck/measure-neck-height": 0.16,
    "torso/measure-shoulder-dist": 0.2,
    "torso/measure-hips-circ": 0.35,
    "torso/measure-waist-circ": 0.35,
}


@dataclass(frozen=True)
class Targets:
    """Macro and local targets.

    Attributes:
        features: for each target, the features that it is a product of.
        offsets: float32 `[K,N,3]`, metres.
    """

    features: list[tuple[str, ...]]
    offsets: NDArray[np.float32]


def read_targets(folder: Path, count: int) -> Targets:
    """Read every target that an adult can need; combinations without a file (no breasts to change) are left out."""
    root = folder / "targets"
    build = list(itertools.product(SEXES, AGES, MUSCLES, WEIGHTS))
    files: dict[tuple[str, ...], Path] = {}
    for key in build:
        files[key] = root / "macrodetails" / f"universal-{'-'.join(key)}.target.gz"
        for height in HEIGHTS:
            files[*key, height] = root / "macrodetails" / "height" / f"{'-'.join((*key, height))}.target.gz"
        for name in PROPORTIONS:
            files[*key, name] = root / "macrodetails" / "proportions" / f"{'-'.join((*key, name))}.target.gz"
        for breast in itertools.product(CUPS, FIRMNESSES):
            path = root / "breast" / f"{'-'.join((*key, *breast))}.target.gz"
            if path.is_file():
                files[(*key, *breast)] = path
    for key in itertools.product(RACES, SEXES, AGES):
        files[key] = root / "macrodetails" / f"{'-'.join(key)}.target.gz"
    for name in LOCAL_CHANGES:
        for change in ("decr", "incr"):
            files[f"{name}-{change}",] = root / f"{name}-{change}.target.gz"
    return Targets(
        features=list(files),
        offsets=np.stack([read_target(path, count) for path in files.values()]),
    )


def _three(value: NDArray[np.float64], names: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    """Piecewise linear weights of (low, middle, high) at 0, 1/2, 1."""
    low, high = np.clip(1 - 2 * value, 0, 1), np.clip(2 * value - 1, 0, 1)
    return {names[0]: low, names[1]: 1 - low - high, names[2]: high}


def _two(value: NDArray[np.float64], names: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    """Weights of (low, high) at 0 and 1, nothing at 1/2."""
    return {names[0]: np.clip(1 - 2 * value, 0, 1), names[1]: np.clip(2 * value - 1, 0, 1)}


def draw_people(targets: Targets, count: int = COUNT, seed: int = SEED) -> NDArray[np.float64]:
    """Draw adults.

    Half are women; the rest of a phenotype is drawn round the middle of MakeHuman's ranges, the height such that
    statures are about 1.66 m for women and 1.80 m for men with a standard deviation of 8 cm each.

    Returns:
        Weights of the targets, float64 `[count,K]`.
    """
    rng = np.random.default_rng(seed)

    def normal(mean: float | NDArray[np.float64], spread: float) -> NDArray[np.float64]:
        return np.clip(rng.normal(mean, spread, count), 0.0, 1.0)

    male = np.clip(np.where(np.arange(count) % 2 == 0, 0.1, 0.9) + rng.normal(0, 0.1, count), 0, 1)
    old = rng.beta(1.2, 2.5, count)
    race = rng.dirichlet((0.7, 0.7, 0.7), count)
    value: dict[str, NDArray[np.float64]] = {
        "female": 1 - male,
        "male": male,
        "young": 1 - old,
        "old": old,
        **_three(normal(0.5, 0.2), MUSCLES),
        **_three(normal(0.5, 0.23), WEIGHTS),
        **_two(normal(0.55, 0.072), HEIGHTS),
        **_two(normal(0.6, 0.25), PROPORTIONS),
        **dict(zip(RACES, race.T, strict=True)),
        **_three(normal(0.5, 0.2), CUPS),
        **_three(normal(0.5, 0.2), FIRMNESSES),
    }
    for name, spread in LOCAL_CHANGES.items():
        change = rng.normal(0, spread, count)
        value[f"{name}-decr"], value[f"{name}-incr"] = np.clip(-change, 0, 1), np.clip(change, 0, 1)
    return np.stack([np.prod([value[name] for name in features], axis=0) for features in targets.features], axis=1)
