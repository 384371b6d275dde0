"""Plots of the evaluation page. matplotlib is imported when one is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = Mapping[str, Mapping[str, float]]
_COLOURS = ("#9aa0a6", "#3b6fb6", "#e08a2e", "#5a9e5f", "#b0527a", "#7d6bb0", "#4aa3a8")
REFERENCE = "reference"
_RED = "#c62828"


def _canvas(rows: int, columns: int, size: tuple[float, float]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=90, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None})


def _bars(axis: Any, groups: Sequence[str], series: Rows) -> None:
    width = 0.84 / max(len(series), 1)
    for i, (name, values) in enumerate(series.items()):
        at = np.arange(len(groups)) + (i - 0.5 * (len(series) - 1)) * width
        heights = [values.get(group, np.nan) for group in groups]
        colour = "#222222" if name == REFERENCE else _COLOURS[i % len(_COLOURS)]
        axis.bar(at, heights, width, label=name, color=colour)
    axis.margins(x=0.01)
    axis.set_xticks(np.arange(len(groups)), groups, rotation=30, ha="right", fontsize=8)
    axis.grid(axis="y", alpha=0.3)
    axis.set_axisbelow(True)


def clip_bars(path: Path, clips: Sequence[str], metrics: Mapping[str, tuple[str, Mapping[str, Rows]]]) -> None:
    """Bars by clip, a panel for each metric.

    Args:
        path: picture to write.
        clips: in order.
        metrics: title -> axis label and, by method, clip -> figures that hold the value under the title's metric.
    """
    figure, axes = _canvas(len(metrics), 1, (11, 2.5 * len(metrics) + 0.6))
    for axis, (title, (label, series)) in zip(axes[:, 0], metrics.items(), strict=True):
        _bars(axis, clips, series)
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_ylabel(label, fontsize=8)
        if title.endswith("(logarithmic)"):
            axis.set_yscale("log")
        if axis is not axes[-1, 0]:
            axis.set_xticklabels([])
        if title.endswith("(logarithmic)") or axis is axes[0, 0]:
            low, high = axis.get_ylim()
            axis.set_ylim(low, high * (6 if axis.get_yscale() == "log" else 1.2))
            axis.legend(ncols=9, fontsize=7, loc="upper left")
    _save(figure, path)


def grouped_bars(path: Path, panels: Mapping[str, tuple[Sequence[str], Rows]], label: str) -> None:
    """Panels side by side: title -> groups, and by method the group's values."""
    figure, axes = _canvas(1, len(panels), (5.2 * len(panels), 3.4))
    for axis, (title, (groups, series)) in zip(axes[0], panels.items(), strict=True):
        _bars(axis, groups, series)
        axis.set_title(title, fontsize=10)
    axes[0, 0].set_ylabel(label, fontsize=9)
    axes[0, 0].legend(fontsize=8)
    _save(figure, path)


def stage_times(path: Path, times: Mapping[str, Mapping[str, float]]) -> None:
    """Milliseconds a frame, stacked: name of a run -> stage -> value."""
    figure, axes = _canvas(1, 1, (9, 0.5 * len(times) + 1.4))
    axis = axes[0, 0]
    stages = list(dict.fromkeys(stage for parts in times.values() for stage in parts))
    left = np.zeros(len(times))
    for i, stage in enumerate(stages):
        values = np.array([parts.get(stage, 0.0) for parts in times.values()])
        axis.barh(np.arange(len(times)), values, 0.65, left=left, label=stage, color=_COLOURS[i % len(_COLOURS)])
        left += values
    axis.set_yticks(np.arange(len(times)), list(times), fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("processor time of a frame, ms", fontsize=9)
    axis.legend(ncols=4, fontsize=8)
    axis.set_ylim(top=-1.1)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    _save(figure, path)


class Picture(NamedTuple):
    """A body and reference joints in axes x right, y down, z forward, of one origin; metres.

    Attributes:
        title: over it.
        vertices: `[V,3]`; faces: `[F,3]`.
        joints: `[J,3]`, NaN where there is none.
        sure: bool `[J]`, the reference can be trusted.
    """

    title: str
    vertices: NDArray
    faces: NDArray
    joints: NDArray
    sure: NDArray


def bodies(path: Path, pictures: Sequence[Picture], bones: Sequence[tuple[int, int]]) -> None:
    """Bodies with reference joints: from the camera (above), and from the side.

    Args:
        path: picture to write.
        pictures: one column each.
        bones: pairs of joints to draw lines between.
    """
    figure, axes = _canvas(2, len(pictures), (2.6 * len(pictures), 6.0))
    for column, (title, vertices, faces, joints, sure) in enumerate(pictures):
        for row, across in enumerate((0, 2)):
            axis = axes[row, column]
            away = vertices[:, 2] if across == 0 else -vertices[:, 0]
            _shaded(axis, np.stack([vertices[:, across], -vertices[:, 1], away], axis=1), faces)
            flat = np.stack([joints[:, across], -joints[:, 1]], axis=1)
            for a, b in bones:
                axis.plot(*flat[[a, b]].T, color=_RED, lw=1.4 if sure[a] and sure[b] else 0.6)
            axis.plot(*flat[sure].T, "o", color=_RED, ms=3.5)
            axis.plot(*flat[~sure].T, "o", color=_RED, ms=3.5, mfc="white")
            axis.set_aspect("equal")
            axis.set_axis_off()
            axis.autoscale_view()
        axes[0, column].set_title(title, fontsize=8)
        axes[1, column].set_title("from the side, camera at the left", fontsize=7)
    _save(figure, path)


def _shaded(axis: Any, points: NDArray, faces: NDArray) -> None:
    """Triangles of points (right, up, away), far ones first, lit from the viewer."""
    from matplotlib.collections import PolyCollection

    triangles = points[faces]
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    light = np.abs(normal[:, 2]) / np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    order = np.argsort(-triangles[..., 2].mean(axis=1))
    grey = 0.45 + 0.45 * light[order]
    axis.add_collection(
        PolyCollection(triangles[order][..., :2], facecolors=np.stack([grey, grey, grey], axis=1), edgecolors="none")
    )
