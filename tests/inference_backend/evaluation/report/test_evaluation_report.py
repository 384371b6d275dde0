import csv
from pathlib import Path

import numpy as np
import pytest

from inference_backend.evaluation.reference_clips import by_reference_name
from inference_backend.evaluation.report import evaluation, ways
from inference_backend.evaluation.report.__main__ import main
from inference_backend.evaluation.report.page import BEGIN, END, filled, hand_written
from inference_backend.evaluation.report.store import Figures
from inference_backend.evaluation.report.worst import Moment, WatchedCache, worst_moments
from inference_backend.pipeline.cache import StageCache
from tests.benchmarks.looped_clip import SAMPLE, write_looped

FRAMES = 24
NAMES = (
    "pelvis", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle", "l_heel", "r_heel", "l_ball", "r_ball",
    "l_toe", "r_toe", "mid_shoulder", "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist",
)  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Two clips with a reference: the beginning of the sample, and the same under the name of an occluded one."""
    folder = tmp_path_factory.mktemp("clips")
    with np.load(SAMPLE.with_name("reference.npz")) as file:
        cam, world = (file[key][:FRAMES].astype(np.float64) for key in ("joints_camera", "joints_world"))
        K = file["K"].astype(np.float64)
    world = np.stack([world[..., 0], -world[..., 2], world[..., 1]], axis=-1)
    cam, world = (by_reference_name(joints, NAMES) for joints in (cam, world))
    pixels = (cam / cam[..., 2:]) @ K.T
    valid = np.isfinite(cam).all(axis=-1)
    visible = valid.copy()
    visible[:, NAMES.index("l_ankle")] = False
    for name in ("walk", "walk__bar"):
        write_looped(folder / f"{name}.mp4", FRAMES)
        np.savez(
            folder / f"{name}.npz", joint_names=np.array(NAMES), joints_cam=cam, joints_world=world, valid=valid,
            joints_2d=pixels[..., :2], visible=visible if "__" in name else valid, K=K, dist=np.zeros(5), fps=30.0,
        )  # fmt: skip
    columns = ("PA-MPJPE", "MPJPE", "W", "WA", "G-Accel", "Jitter / ref", "FS / ref")
    lines = [f"| clip | found % | {' | '.join(columns)} |", "|---" * 9 + "|"]
    lines += [f"| {name} | 100 | 80 | 100 | 150 | 120 | 30 | 100 / 2 | 20 / 1 |" for name in ("walk", "walk__bar")]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_the_page_is_written_from_figures_that_are_made_once(clips, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluation, "estimator_ways", lambda *_weights: ways.estimator_ways()[:1])
    arguments = ["--clips", str(clips), "--work", str(tmp_path / "work"), "--docs", str(tmp_path / "docs")]
    arguments += ["--parts", "clips", "worst", "--draw", "walk*"]
    assert main(arguments) == 0
    made = capsys.readouterr().out
    assert "clips: kinematic, given, walk " in made
    assert "clips: kinematic, estimated, walk__bar " in made
    page = (tmp_path / "docs" / "evaluation.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| kinematic, camera given |"))
    error = float(row.split("|")[2])
    assert 10 < error < 80
    assert "| MediaPipe, camera given | 80.0 | 100.0 |" in page
    assert "## The worst moments" in page
    assert "## Synthetic test split" not in page
    for name in ("evaluation_clips.png", "evaluation_worst.png"):
        assert (tmp_path / "docs" / "images" / name).stat().st_size > 10_000
    with (tmp_path / "docs" / "evaluation_runs.csv").open(newline="") as file:
        runs = list(csv.DictReader(file))
    assert float(next(run["clean PA"] for run in runs if run["way"] == "kinematic")) == error

    marked = page.replace(BEGIN, f"{BEGIN}\nSeen by somebody.")
    (tmp_path / "docs" / "evaluation.md").write_text(marked, encoding="utf-8")
    assert main(arguments) == 0
    assert "processor time" not in capsys.readouterr().out
    assert (tmp_path / "docs" / "evaluation.md").read_text(encoding="utf-8") == marked
    with (tmp_path / "docs" / "evaluation_runs.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == runs


def test_a_folder_that_is_not_there_is_told(tmp_path, capsys):
    arguments = ["--clips", str(tmp_path / "gone"), "--work", str(tmp_path), "--docs", str(tmp_path / "docs")]
    assert main([*arguments, "--parts", "clips"]) == 0
    assert "gone: what is measured on it is left out" in capsys.readouterr().err


def test_an_unknown_part_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--parts", "clips", "everything", "--work", str(tmp_path)])
    assert "there is no part everything" in capsys.readouterr().err


def test_sections_without_figures_are_left_out(tmp_path):
    template = "# A\n\n## B\n\nwords\n\n{{one}}\n\n### C\n\n{{two}}\n\n## D\n\n{{three}}\n"
    assert filled(template, {"one": "table", "three": ""}) == "# A\n\n## B\n\nwords\n\ntable\n"
    page = tmp_path / "page.md"
    assert hand_written(page) == f"{BEGIN}\n{END}"
    page.write_text(f"x\n{BEGIN}\nmine\n{END}\ny", encoding="utf-8")
    assert hand_written(page) == f"{BEGIN}\nmine\n{END}"


def test_the_worst_half_second_of_each_clip():
    def scored(*errors: float) -> Figures:
        rows = [{"from_s": i / 2, "to_s": (i + 1) / 2, "MPJPE": 2 * e, "PA-MPJPE": e} for i, e in enumerate(errors)]
        return Figures({"moments": rows}, "", True)

    found = worst_moments({"a": scored(10, 30, float("nan")), "b": scored(40, 20), "c": scored(float("nan"))})
    assert found == [Moment("b", 0.0, 0.5, 80, 40), Moment("a", 0.5, 1.0, 60, 30)]


def test_a_watched_cache_keeps_as_much_as_the_one_it_stands_for(tmp_path):
    cache = StageCache(tmp_path, 7 << 30)
    watched = WatchedCache(cache)
    assert (watched.folder, watched.limit_bytes) == (cache.folder, cache.limit_bytes)
    watched.save("people", "key", {"value": [1, 2]})
    assert watched.last == {"people": [1, 2]}
