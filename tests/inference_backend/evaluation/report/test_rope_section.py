"""The page's tables of Rope's ablation, from what its commands leave."""

import json

from inference_backend.evaluation.report.page import PAGE, TEMPLATES, filled
from inference_backend.evaluation.report.rope_section import rope_tables

SCORES = {"clear": {"never": {"W-MPJPE-rigid": 119.04, "path": 65.7, "hidden": float("nan")}}}


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_tables_say_what_was_measured(tmp_path):
    assert rope_tables(tmp_path) == {}
    row = {"mpjpe": 150.04, "visible": 140.0, "hidden": 170.0, "turn_deg": 16.0, "parameters": 0.97, "seconds": 300}
    recipe = {"steps": 500, "seed": 0, "size": "cpu", "batch": None, "backbone": "0123456789abcdef"}
    written(tmp_path / "rope" / "ablation.json", {"recipe": recipe, "rows": {"full": row, "no_hagt": row}})
    written(tmp_path / "rope" / "levels" / "inter_only" / "scores.json", SCORES)
    written(
        tmp_path / "rope" / "sensitivity.json", [{"weights": "bundled", "shape": "bar", "clear": 90.0, "mean": 97.0}]
    )
    written(tmp_path / "trajectory" / "scores.json", SCORES)
    tables = rope_tables(tmp_path)
    assert "500 steps each on the backbone of 01234567, fixed, seed 0" in tables["rope_made"]
    assert (
        "| without HAGT: tokens from the mean over the image | 150.0 | 140.0 | 170.0 | 16.0 | 0.97 |"
        in tables["rope_parts"]
    )
    assert "| bundled | bar | 90.0 | 97.0 |" in tables["rope_sensitivity"]
    assert "| 11 parts only | clear | never | 119.0 |  |" in tables["rope_levels"]
    assert tables["trajectory"].splitlines()[2].startswith("| clear | never | 119.0 |")
    template = TEMPLATES[PAGE].read_text(encoding="utf-8")
    page = filled(template, tables)
    assert "### The trajectory denoiser" in page
    assert "### The trajectory denoiser" not in filled(
        TEMPLATES[PAGE].read_text(encoding="utf-8"), {"findings": "none"}
    )
