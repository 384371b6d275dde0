"""What hides people, and what a landmarker then makes of the hidden part.

Occluders: boxes in the image, still or moving (furniture, bars, people, the image's own border), and whole limbs for a
while. Hidden landmarks are not missing: the landmarker holds a false idea of them for some frames, then jumps to
another, often with confidence.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor

from ...geometry.blazepose import HIPS, INDEX, LANDMARKS, MIRROR
from .noise import normal, slow, uniform

_EVENTS: Final = 3
_EVENT_SHARES: Final = (0.4, 0.34, 0.18, 0.08)
"""Probability of 0, 1, 2, 3 events in a window."""


def _has(*words: str, side: str = "") -> list[bool]:
    return [any(w in name for w in words) and side in name for name in LANDMARKS]


_LEG, _ARM = ("knee", "ankle", "heel", "foot_index"), ("elbow", "wrist", "pinky", "thumb", "left_index", "right_index")
_GROUPS: Final = (
    _has(*_LEG),
    _has(*_LEG, "hip"),
    _has(*_LEG, side="left"),
    _has(*_LEG, side="right"),
    _has("ankle", "heel", "foot_index"),
    _has(*_ARM, side="left"),
    _has(*_ARM, side="right"),
    _has(*_ARM),
    _has(*_ARM, *_LEG, "shoulder", "hip", side="left"),
    _has(*_ARM, *_LEG, "shoulder", "hip", side="right"),
    [i <= INDEX["mouth_right"] for i in range(33)],
)  # fmt: skip

_TRUNK: Final = _has("shoulder", "hip")
_SURE_OF_TRUNK: Final = 0.8
"""Share of windows in which a hidden trunk is told with confidence."""
_TRUNK_ASIDE: Final = (0.06, 0.02)
"""Statures by which it is told beside its place, across and along. Both as a bar before the rendered sample made it."""


class Hidden(NamedTuple):
    """What is hidden: `mask` bool `[B,T,33]`; `visibility [B,T,33]`, reported for hidden landmarks."""

    mask: Tensor
    visibility: Tensor


def heights(places: Tensor) -> Tensor:
    """Size of people `[B]`: the median over frames of the larger extent of landmarks `[B,T,33,2]`."""
    return (places.amax(2) - places.amin(2)).amax(-1).median(1).values


def hide(places: Tensor, border: Tensor, generator: torch.Generator, covered: Tensor | None = None) -> Hidden:
    """Draw occlusion events.

    Args:
        places: `[B,T,33,2]`, where landmarks are in the image (x/z, y/z).
        border: `[B,2]`, where the image ends.
        generator: source of chance.
        covered: bool `[B,T,33]`, landmarks that something hides already.
    """
    batch, frames = places.shape[:2]
    device = places.device
    mask = (places.abs() > border[:, None, None]).any(-1)
    reported = uniform((batch, 1, 1), generator, 0.05, 0.6).expand(batch, frames, 33)
    if covered is not None:
        reported = torch.where(covered & ~mask, _reported(batch, generator), reported)
        mask = mask | covered
    count = torch.multinomial(torch.tensor(_EVENT_SHARES, device=device), batch, replacement=True, generator=generator)
    for event in range(_EVENTS):
        on = (count > event)[:, None, None]
        in_box = _box_event(places, generator)
        in_group, while_on = _group_event(batch, frames, device, generator)
        boxed = uniform((batch, 1, 1), generator) < 0.6
        # Boxes may be there all the time; a quarter of them comes and goes.
        always = uniform((batch, 1, 1), generator) < 0.75
        hidden = on & torch.where(boxed, in_box & (while_on | always), in_group & while_on)
        reported = torch.where(hidden & ~mask, _reported(batch, generator), reported)
        mask = mask | hidden
    visibility = (reported + 0.15 * slow((batch, frames, 33), 6.0, generator)).clamp(0.02, 0.99)
    # Shoulders and hips are reported as visible whatever is before them.
    sure = (uniform((batch, 1, 1), generator) < _SURE_OF_TRUNK) & torch.tensor(_TRUNK, device=device)
    visibility = torch.where(sure, uniform((batch, frames, 33), generator, 0.9, 0.999), visibility)
    return Hidden(mask, visibility)


def _reported(batch: int, generator: torch.Generator) -> Tensor:
    """Visibility `[B,1,1]` that is told of what an event hides."""
    # Legs behind a box are mostly known to be unseen; behind a bar or beside a panel they are not.
    confident = uniform((batch, 1, 1), generator) < 0.45
    return torch.where(
        confident, uniform((batch, 1, 1), generator, 0.6, 0.98), uniform((batch, 1, 1), generator, 0.05, 0.6)
    )


def _box_event(places: Tensor, generator: torch.Generator) -> Tensor:
    """Bool `[B,T,33]`: inside a box whose place, size, slant and travel are drawn in units of the person's size."""
    batch, frames = places.shape[:2]
    tall = heights(places)[:, None]
    middle = places.mean((1, 2))
    kind = uniform((batch, 1), generator)
    # Low furniture that hides from below; else panels and people that hide from a side; else bars, upright or level.
    low, side, level = kind < 0.4, (kind >= 0.4) & (kind < 0.6), kind > 0.9
    thin, large = uniform((batch, 1), generator, 0.04, 0.25), torch.full((batch, 1), 4.0, device=places.device)
    wide = torch.where(level, large, torch.where(low, uniform((batch, 1), generator, 0.2, 2.0), thin))
    high = torch.where(level, thin, large)
    sign = torch.where(uniform((batch, 1), generator) < 0.5, 1.0, -1.0)
    x = 0.25 * normal((batch, 1), generator)
    x = torch.where(side, sign * (wide + uniform((batch, 1), generator, -0.1, 0.2)), x)
    y = torch.where(low, high + uniform((batch, 1), generator, -0.15, 0.35), torch.zeros_like(x))
    y = torch.where(level, uniform((batch, 1), generator, -0.4, 0.4), y)
    centre = torch.cat((x, y), 1)
    moving = ~low & (uniform((batch, 1), generator) < 0.6)
    travel = torch.cat((sign * uniform((batch, 1), generator, 0.5, 2.5), 0 * sign), 1) * moving
    share = torch.linspace(-0.5, 0.5, frames, device=places.device)[None, :, None]
    offset = centre[:, None] + travel[:, None] * share
    slant = 0.15 * normal((batch, 1, 1), generator)
    local = (places - middle[:, None, None]) / tall[:, :, None, None] - offset[:, :, None]
    dx = local[..., 0] - slant * local[..., 1]
    dy = local[..., 1] + slant * local[..., 0]
    return (dx.abs() < wide[:, None]) & (dy.abs() < high[:, None])


def _group_event(batch: int, frames: int, device: torch.device, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Bool `[B,1,33]`, landmarks of a part of the body; bool `[B,T,1]`, a run of frames."""
    groups = torch.tensor(_GROUPS, device=device)
    which = torch.randint(len(_GROUPS), (batch,), generator=generator, device=device)
    length = (3 + (frames - 3) * uniform((batch, 1), generator) ** 0.7).round()
    length = torch.where(uniform((batch, 1), generator) < 0.3, float(frames), length)
    start = (uniform((batch, 1), generator) * (frames - length + 1)).floor()
    frame = torch.arange(frames, device=device)
    return groups[which][:, None], ((frame >= start) & (frame < start + length))[..., None]


class Runs(NamedTuple):
    """Stretches of time in which one idea is held: `number` int64 `[B,T]`, `first` int64 `[B,T]` (where each began)."""

    number: Tensor
    first: Tensor

    def pick(self, values: Tensor) -> Tensor:
        """For each frame the value `[B,T,...]` of its run from `values [B,N,...]`, N at least the number of runs."""
        shape = (*self.number.shape, *[1] * (values.dim() - 2))
        return values.gather(1, self.number.view(shape).expand(*self.number.shape, *values.shape[2:]))


def draw_runs(batch: int, frames: int, mean: float, generator: torch.Generator) -> Runs:
    """Runs that last from half of `mean` frames to eight times as many: some windows are restless, in others one idea
    is held throughout."""
    rate = 1 / (mean * 2 ** uniform((batch, 1), generator, -1, 3))
    switch = uniform((batch, frames), generator) < rate
    switch[:, 0] = False
    frame = torch.arange(frames, device=switch.device).expand(batch, -1)
    first = torch.where(switch, frame, 0).cummax(1).values
    return Runs(switch.cumsum(1), first)


def false_places(places: Tensor, generator: torch.Generator) -> Tensor:
    """Where a landmarker thinks that hidden landmarks are: `[B,T,33,2]`, for all landmarks.

    Ideas: nearly right; pressed together under the hips; frozen relative to the hips; left and right swapped; shifted;
    somebody else's limbs.
    """
    batch, frames = places.shape[:2]
    tall = heights(places)[:, None, None, None]
    hips = places[:, :, HIPS].mean(2, keepdim=True)
    about = places - hips
    runs = draw_runs(batch, frames, 9.0, generator)
    idea = runs.pick(uniform((batch, frames), generator))[..., None, None]
    squash = torch.stack(
        (uniform((batch, frames), generator, 0.5, 1.1), uniform((batch, frames), generator, 0.1, 0.8)), -1
    )
    pressed = about * runs.pick(squash)[:, :, None]
    frozen = about.gather(1, runs.first[..., None, None].expand_as(about))
    swapped = about[:, :, list(MIRROR)]
    shifted = about + tall * 0.12 * runs.pick(normal((batch, frames, 1, 2), generator))
    other = (about / tall).roll(1, 0) * tall
    out = about
    for limit, choice in ((0.7, pressed), (0.42, frozen), (0.28, shifted), (0.15, swapped), (0.06, other)):
        out = torch.where(idea < limit, choice, out)
    # A trunk is not lost sight of so easily: it is drawn to a side.
    trunk, reach = (torch.tensor(x, device=places.device) for x in (_TRUNK, _TRUNK_ASIDE))
    aside = tall * reach * runs.pick(normal((batch, frames, 1, 2), generator))
    out = torch.where(trunk[:, None], about + aside, out)
    own = runs.pick(normal((batch, frames, 33, 2), generator))
    wander = 0.7 * own + 0.5 * slow((batch, frames, 33, 2), 5.0, generator)
    return hips + out + 0.035 * tall * wander


class WholeFailures(NamedTuple):
    """Runs in which the whole body is taken wrongly.

    Attributes:
        swapped: bool `[B,T]`, front is taken for back.
        turned: `[B,T]`, radians by which the body is rolled in the image; 0 where it is not.
        missing: bool `[B,T]`, nobody is found.
        half: bool `[B,T,33]`, landmarks of legs or arms that have changed sides.
    """

    swapped: Tensor
    turned: Tensor
    missing: Tensor
    half: Tensor


def draw_failures(hidden: Tensor, generator: torch.Generator) -> WholeFailures:
    """Draw failures of the whole body, likelier and longer where something is hidden (bool `[B,T,33]`)."""
    batch, frames = hidden.shape[:2]
    device = hidden.device
    busy = hidden[:, :, 11:].float().mean((1, 2))
    frame = torch.arange(frames, device=device)

    def run(probability: Tensor, longest: float) -> Tensor:
        length = (2 + uniform((batch, 1), generator) ** 2 * longest * frames).round()
        start = (uniform((batch, 1), generator) * (frames + length) - length).round()
        on = uniform((batch, 1), generator) < probability[:, None]
        return on & (frame >= start) & (frame < start + length)

    swapped = run(0.03 + 0.25 * busy, 1.0)
    roll = torch.deg2rad(uniform((batch, 1), generator, 70.0, 290.0))
    turned = torch.where(run(0.015 + 0.15 * busy, 0.5), roll, torch.zeros_like(roll))
    missing = run(0.05 + 0.4 * busy, 0.35) | run(0.03 + 0.2 * busy, 0.1)
    legs, arms = (torch.tensor(_has(*part), device=device) for part in (_LEG, _ARM))
    which = uniform((batch, 1, 1), generator)
    half = run(0.04 + 0.3 * busy, 0.4)[..., None] & torch.where(which < 0.7, legs, arms)
    return WholeFailures(swapped, turned, missing, half)
