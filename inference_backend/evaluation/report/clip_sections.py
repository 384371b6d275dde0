"""The page's sections about the reference clips."""

import math
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import numpy as np

from ...body.body import Body
from ..clips import groups
from ..tables import columns_of, table
from . import plots
from .clip_scores import CAMERAS, COLUMNS, means, person_of, ratios, recover_clip
from .evaluation import Evaluation
from .peers import read_baseline, read_peers
from .store import Figures, Store, made_by
from .worst import Moment, posed_mesh

Scores = dict[str, dict[str, float]]
_PICTURES: Final = (
    "Recovered bodies (grey) and reference joints (red; hollow where the reference is not sure), pelvis on pelvis:\n\n"
    "![The worst moments](images/evaluation_worst.png)"
)
_BONES: Final = (
    ("pelvis", "l_hip"), ("pelvis", "r_hip"), ("l_hip", "l_knee"), ("r_hip", "r_knee"), ("l_knee", "l_ankle"),
    ("r_knee", "r_ankle"), ("pelvis", "mid_shoulder"), ("mid_shoulder", "l_shoulder"), ("mid_shoulder", "r_shoulder"),
    ("l_shoulder", "l_elbow"), ("r_shoulder", "r_elbow"), ("l_elbow", "l_wrist"), ("r_elbow", "r_wrist"),
    ("l_ankle", "l_heel"), ("r_ankle", "r_heel"),
)  # fmt: skip
_SHORT: Final = ("PA-MPJPE", "MPJPE", "MPJPE-occ", "W-MPJPE", "WA-MPJPE", "RTE-mm", "G-Accel", "Jitter", "FS")


def _cleaned(found: Mapping[str, Figures]) -> Scores:
    return {name: figures.values["cleaned"] for name, figures in found.items()}


def _marked(way: str, found: Mapping[str, Figures]) -> str:
    """The name of a way, with a mark where its figures are of earlier weights or stages."""
    return way if all(figures.current for figures in found.values()) else f"{way} (earlier)"


def _stands(row: Mapping[str, float]) -> bool:
    """Foot sliding of at most twice the reference's own and a millimetre."""
    return row["FS"] <= 2 * row["FS-ref"] + 1


def _steadiness(rows: Scores, names: list[str]) -> tuple[float, str, str]:
    """Mean ratio of jitter to the reference's, how many clips lie within 0.5 to 2, and how many whose feet stand."""
    ratio = [rows[name]["Jitter"] / rows[name]["Jitter-ref"] for name in names]
    within = sum(0.5 <= value <= 2 for value in ratio)
    standing = [_stands(rows[name]) for name in names if math.isfinite(rows[name].get("FS", math.nan))]
    return float(np.mean(ratio)), f"{within} of {len(ratio)}", f"{sum(standing)} of {len(standing)}"


def clip_tables(evaluation: Evaluation, store: Store, images: Path) -> dict[str, str]:
    """Means, ratios, aims, peers and every clip; a plot."""
    if not evaluation.clips or evaluation.clips_folder is None:
        return {}
    baseline, peers = read_baseline(evaluation.clips_folder), read_peers(evaluation.clips_folder)
    kinds = groups([clip.name for clip in evaluation.clips])
    runs = [(way, camera) for way in evaluation.ways for camera in CAMERAS]
    found = {(way.name, camera): evaluation.of_clips(store, way, camera) for way, camera in runs}
    found = {key: each for key, each in found.items() if len(each) == len(evaluation.clips)}
    found = {(_marked(way, each), camera): each for (way, camera), each in found.items()}
    scores = {key: _cleaned(each) for key, each in found.items()}
    given = {way: rows for (way, camera), rows in scores.items() if camera == "given"}
    if not given:
        return {}
    _draw_bars(images / "evaluation_clips.png", given, baseline, [clip.name for clip in evaluation.clips])
    every = [figures for each in found.values() for figures in each.values()]
    return {
        "clips_count": f"{len(kinds['clean'])} clips without and {len(kinds['occluded'])} with something in front of "
        f"the person, and {len(kinds['two people'])} with a second person, which is in no mean.",
        "clips_made": made_by("clips", every, "whole pipeline, means over clips"),
        "clips_means": "\n\n".join(_mean_table(kind, scores, baseline, kinds[kind]) for kind in ("clean", "occluded")),
        "clips_ratios": _ratio_table(given, baseline, kinds) if baseline else "",
        "clips_aims": _aims(given, baseline, peers, kinds),
        "clips_peers": _peer_table(given, peers),
        "clips_every": "\n\n".join(_clip_table(key, each) for key, each in found.items()),
    }


def _mean_table(kind: str, scores: dict[tuple[str, str], Scores], baseline: Scores, names: list[str]) -> str:
    rows = [["MediaPipe, camera given", *columns_of(_SHORT, means(baseline, names))]] if baseline else []
    rows += [
        [f"{way}, camera {camera}", *columns_of(_SHORT, means(each, names))] for (way, camera), each in scores.items()
    ]
    reference = means(next(iter(scores.values())), names)
    still = {"Jitter": reference["Jitter-ref"], "FS": reference["FS-ref"]}
    return table([f"{kind}, means", *_SHORT], [*rows, ["the reference itself", *columns_of(_SHORT, still)]])


def _clip_table(key: tuple[str, str], found: Mapping[str, Figures]) -> str:
    way, camera = key
    columns = (*COLUMNS, "Jitter-ref", "FS-ref")
    rows = [[name, *columns_of(columns, row)] for name, row in _cleaned(found).items()]
    return (
        f"<details><summary>{way}, camera {camera}</summary>\n\n"
        + made_by("clips", found.values(), f"estimator {way}, camera {camera}, all else at its default")
        + f"\n\n{table(['clip', *columns], rows)}\n\n</details>"
    )


def _ratio_table(given: dict[str, Scores], baseline: Scores, kinds: dict[str, list[str]]) -> str:
    columns = ("PA-MPJPE", "MPJPE", "W-MPJPE", "WA-MPJPE", "G-Accel", "Jitter", "FS")
    rows = []
    for way, scores in given.items():
        clean, occluded = (ratios(scores, baseline, kinds[kind]) for kind in ("clean", "occluded"))
        cells = [f"{clean[c]:.2f} / {occluded[c]:.2f}" for c in columns]
        steady = [_steadiness(scores, kinds[kind]) for kind in ("clean", "occluded")]
        cells += [" / ".join(f"{s[0]:.2f}" for s in steady), *(" / ".join(s[i] for s in steady) for i in (1, 2))]
        rows.append([way, *cells])
    return table(["", *columns, "Jitter to reference", "within 0.5-2", "feet stand"], rows)


def _aims(given: dict[str, Scores], baseline: Scores, peers: dict, kinds: dict[str, list[str]]) -> str:
    """What was aimed at, and where each way stands."""
    marked = sorted({clip for clip, _ in peers} & set(kinds["clean"]))
    wham = {clip: values for (clip, method), values in peers.items() if method == "WHAM"}

    def mean(column: str, names: list[str]) -> Callable[[Scores], float]:
        return lambda scores: means(scores, names).get(column, math.nan)

    def harder(scores: Scores) -> float:
        pairs = [(scores[name]["MPJPE"], scores[name.split("__")[0]]["MPJPE"]) for name in kinds["occluded"]]
        return float(np.mean([a / b for a, b in pairs]))

    aims: list[tuple[str, float, Callable[[Scores], float]]] = [
        ("clean PA-MPJPE", 45, mean("PA-MPJPE", kinds["clean"])),
        ("occluded PA-MPJPE", 65, mean("PA-MPJPE", kinds["occluded"])),
        ("occluded, hidden joints' MPJPE", 135, mean("MPJPE-occ", kinds["occluded"])),
        ("occluded over unoccluded MPJPE of the same clip", 1.4, harder),
        ("jitter, clean", 8, mean("Jitter", kinds["clean"])),
        ("jitter, occluded", 8, mean("Jitter", kinds["occluded"])),
        ("FS, clean", 6, mean("FS", kinds["clean"])),
        ("FS, occluded", 12, mean("FS", kinds["occluded"])),
    ]
    if marked:
        aims.append(("marker-based clips without occluders, PA-MPJPE", 38, mean("PA-MPJPE", marked)))
        aims += [
            (f"marker-based clips, {column} (WHAM's)", means(wham, marked)[column], mean(column, marked))
            for column in ("W-MPJPE", "Jitter", "FS")
            if wham
        ]
    rows = []
    for label, aim, value in aims:
        cells = [f"{value(scores):.3g}{'' if value(scores) < aim else ' (missed)'}" for scores in given.values()]
        media = value(baseline) if baseline and "marker" not in label else math.nan
        rows.append([label, f"< {aim:g}", *cells, f"{media:.3g}" if math.isfinite(media) else ""])
    return table(["", "aim", *given, "MediaPipe"], rows)


def _peer_table(given: dict[str, Scores], peers: dict) -> str:
    if not peers:
        return ""
    columns = ("PA-MPJPE", "MPJPE", "W-MPJPE", "WA-MPJPE", "Accel", "G-Accel", "Jitter", "FS")
    rows: list[list] = []
    for clip in dict.fromkeys(clip for clip, _ in peers):
        rows += [
            [clip, method, *columns_of(columns, values)] for (name, method), values in peers.items() if name == clip
        ]
        for way, scores in given.items():
            if clip in scores:
                ours = scores[clip] | {"MPJPE": scores[clip].get("MPJPE-turned", math.nan)}
                rows.append([clip, f"{way} (ours)", *columns_of(columns, ours)])
    return table(["clip", "method", *columns], rows)


def _draw_bars(path: Path, given: dict[str, Scores], baseline: Scores, clips: list[str]) -> None:
    def series(column: str) -> dict[str, dict[str, float]]:
        every = ({"MediaPipe": baseline} if baseline else {}) | given
        return {
            way: {clip: scores[clip].get(column, math.nan) for clip in clips if clip in scores}
            for way, scores in every.items()
        }

    reference = next(iter(given.values()))

    def with_reference(column: str) -> dict[str, dict[str, float]]:
        return series(column) | {plots.REFERENCE: {clip: row[f"{column}-ref"] for clip, row in reference.items()}}

    panels = {
        "PA-MPJPE": ("mm", series("PA-MPJPE")),
        "MPJPE": ("mm", series("MPJPE")),
        "Jitter (logarithmic)": ("10 m/s³", with_reference("Jitter")),
        "Foot sliding (logarithmic)": ("mm per 1/30 s", with_reference("FS")),
    }
    plots.clip_bars(path, clips, panels)


def worst_tables(evaluation: Evaluation, store: Store, images: Path, draw: list[str]) -> dict[str, str]:
    """The worst moments of the default estimator and why; pictures of those that may be drawn."""
    found = [(moment, store.get(unit)) for moment, unit in evaluation.worst(store)] if evaluation.clips else []
    told = [(moment, figures) for moment, figures in found if figures is not None]
    if not told:
        return {}
    rows = [
        [
            moment.clip,
            f"{moment.from_s:.1f} to {moment.to_s:.1f} s",
            moment.pa_mpjpe,
            moment.mpjpe,
            ", ".join(figures.values["joints"]),
            figures.values["reason"],
        ]
        for moment, figures in told
    ]
    pictures = [
        _picture(evaluation, moment) for moment, _ in told if any(fnmatch(moment.clip, pattern) for pattern in draw)
    ]
    if pictures:
        names = list(evaluation.clips[0].names)
        plots.bodies(images / "evaluation_worst.png", pictures, [(names.index(a), names.index(b)) for a, b in _BONES])
    return {
        "worst_made": made_by("worst", [figures for _, figures in told], f"{evaluation.default.name}, camera given"),
        "worst": table(["clip", "when", "PA-MPJPE", "MPJPE", "worst joints", "why"], rows, 0),
        "worst_pictures": _PICTURES if pictures else "",
    }


def _picture(evaluation: Evaluation, moment: Moment) -> plots.Picture:
    """The body and the reference at the middle of a moment, about the pelvis."""
    clip = next(clip for clip in evaluation.clips if clip.name == moment.clip)
    result = recover_clip(evaluation.default, clip, "given", evaluation.cache)
    which, joints = person_of(result, clip)
    row = round(0.5 * (moment.from_s + moment.to_s) * clip.fps)
    body, pelvis = Body.load(None), clip.names.index("pelvis")
    reference = clip.joints_cam[row] - clip.joints_cam[row, pelvis]
    mesh = posed_mesh(result, which, row, body) - joints[row, pelvis]
    title = f"{clip.name}, {row / clip.fps:.2f} s\nfrom the camera"
    return plots.Picture(title, mesh, body.faces.numpy(), reference, clip.valid[row])
