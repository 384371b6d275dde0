import subprocess

from inference_backend.evaluation.report.store import Store, Unit, commit_of


def unit(recipe: dict, calls: list, name: str = "a, given, clip") -> Unit:
    def work() -> dict:
        calls.append(recipe)
        return {"value": len(calls)}

    return Unit("clips", name, recipe, work)


def test_figures_are_made_once_for_a_recipe(tmp_path):
    store, calls = Store(tmp_path, "abc1234"), []
    assert store.get(unit({"weights": "1"}, calls)) is None
    first = store.make(unit({"weights": "1"}, calls))
    again = Store(tmp_path, "later").make(unit({"weights": "1"}, calls, "under another name"))
    assert first == again
    assert (first.values, first.commit, first.current) == ({"value": 1}, "abc1234", True)
    assert len(calls) == 1


def test_earlier_figures_stand_in_and_say_so(tmp_path):
    store, calls = Store(tmp_path, "one"), []
    store.make(unit({"weights": "1"}, calls))
    old = Store(tmp_path, "two").get(unit({"weights": "2"}, calls))
    assert old.commit == "one"
    assert not old.current
    new = Store(tmp_path, "two").make(unit({"weights": "2"}, calls))
    assert new.current
    assert new.values == {"value": 2}


def test_a_unit_that_was_stopped_leaves_nothing(tmp_path):
    def stopped() -> dict:
        raise KeyboardInterrupt

    try:
        Store(tmp_path, "").make(Unit("clips", "a", {}, stopped))
    except KeyboardInterrupt:
        assert not list(tmp_path.rglob("*.json"))
    else:
        raise AssertionError


def test_a_changed_checkout_is_marked(tmp_path):
    assert commit_of(tmp_path) == ""

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "a.json").write_text("1")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    name = commit_of(tmp_path)
    assert len(name) == 7
    (tmp_path / "presets" / "a.json").write_text("2")
    assert commit_of(tmp_path) == name + "+"
