import pytest

pytest.importorskip("mujoco")

from inference_backend.evaluation.physics import __main__ as table


def test_the_table_shows_what_the_simulated_body_gains_and_costs(monkeypatch, capsys):
    monkeypatch.setattr(table, "SECONDS", 3.0)
    table.main([])
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    slip = {name.removeprefix("| "): tuple(map(float, cell.split(" -> "))) for name, cell, *_ in lines}
    assert len(slip) == 5
    for name in ("squat", "stepping in place"):
        assert slip[name][1] < 0.3 * slip[name][0]
    assert slip["the walk, clean"][0] == 0
    assert 0 < slip["the walk, clean"][1] < 5
    assert {line[-2] for line in lines} == {"0"}  # nobody fell
