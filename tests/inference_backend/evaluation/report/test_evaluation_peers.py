from inference_backend.evaluation.report.peers import read_baseline, read_peers

README = """# Clips

| clip | frames |
| --- | --- |
| squat | 150 |

## Baseline

| clip | found % | PA-MPJPE | MPJPE | PA vis / occ | MPJPE vis / occ | Abs | RTE % | Jitter / ref | FS / ref |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| squat | 100 | 57 | 78 | 57 / - | 78 / - | 134 | 4.2 (77 mm) | 125 / 2 | 18.7 / 0.6 |
| squat__legs | 81 | 111 | 160 | 87 / 225 | 104 / 415 | 253 | 9.6 (179 mm) | 250 / 2 | 69.2 / 0.6 |
| squat (cropped to the person) | 100 | 1 | 1 | 1 / - | 1 / - | 1 | 1 (1 mm) | 1 / 2 | 1 / 0.6 |

Text between.

| clip | method | PA-MPJPE | W |
| --- | --- | --- | --- |
| squat | WHAM | 29 | 179 |
| squat | Other | 30 | 44 |
"""


def test_tables_of_the_folder_become_metrics(tmp_path):
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    baseline = read_baseline(tmp_path)
    assert list(baseline) == ["squat", "squat__legs"]
    assert baseline["squat"] == {
        "PA-MPJPE": 57, "MPJPE": 78, "PA-vis": 57, "MPJPE-vis": 78, "Abs-MPJPE": 134, "RTE": 4.2, "RTE-mm": 77,
        "Jitter": 125, "FS": 18.7,
    }  # fmt: skip
    assert baseline["squat__legs"]["MPJPE-occ"] == 415
    assert read_peers(tmp_path) == {
        ("squat", "WHAM"): {"PA-MPJPE": 29, "W-MPJPE": 179},
        ("squat", "Other"): {"PA-MPJPE": 30, "W-MPJPE": 44},
    }


def test_a_folder_that_does_not_say_has_no_peers(tmp_path):
    assert read_baseline(tmp_path) == {}
    assert read_peers(tmp_path) == {}
