import pytest
import torch
from safetensors.torch import safe_open
from torch import nn

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.training.loop import Average, Budget, Loop, choose_device

CPU = torch.device("cpu")


class Line:
    """Fits y = 2 x + 1 from noisy draws."""

    name = "line"

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        self.network = nn.Linear(1, 1)
        self.saved: list[int] = []
        self.progress: list[float] = []

    def parameters(self):
        return self.network.named_parameters()

    def loss(self, progress):
        self.progress.append(progress)
        x = torch.randn(16, 1, generator=self.generator)
        error = (self.network(x) - 2 * x - 1).square().mean()
        return error, {"error": error}

    def validate(self):
        return {"slope": float(self.network.weight)}

    def save(self, _seconds, steps):
        self.saved.append(steps)


def loop(stage, tmp_path, steps, **more):
    return Loop(
        stage, Budget(10, steps=steps, rate=0.05, warm_up=5, **more), tmp_path, stage.generator, CPU, lambda _: None
    )


def test_it_learns_and_validates_the_average(tmp_path):
    stage = Line()
    figures = loop(stage, tmp_path, 200).run()
    assert abs(figures["slope"] - 2) < 0.1
    assert stage.progress[0] == 0
    assert stage.progress[-1] == 199 / 200


def test_stopping_and_going_on_changes_nothing(tmp_path):
    straight = Line()
    loop(straight, tmp_path / "a", 20).run()
    first = Line()
    halfway = loop(first, tmp_path / "b", 20)
    for _ in range(10):
        halfway._step(halfway._progress(600))
    halfway.save()
    second = Line(seed=5)
    going_on = loop(second, tmp_path / "b", 20)
    going_on.run(resume=True)
    assert going_on.step == 20
    for a, b in zip(straight.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)


class Forgetful(Line):
    """The same with dropout, which draws from torch's own generator."""

    def loss(self, progress):
        self.progress.append(progress)
        x = torch.randn(16, 1, generator=self.generator)
        return (nn.functional.dropout(self.network(x), 0.5) - 2 * x - 1).square().mean(), {}


def test_what_networks_draw_is_seeded_and_goes_on_as_well(tmp_path):
    def train(folder, steps, resume=False):
        stage = Forgetful()
        torch.rand(3)  # whatever was drawn before does not matter
        loop(stage, tmp_path / folder, steps, final_rate=1.0).run(resume)
        return torch.cat([p.detach().flatten() for p in stage.network.parameters()])

    whole = train("whole", 12)
    assert torch.equal(whole, train("again", 12))
    half = train("parts", 6)
    torch.manual_seed(99)
    assert torch.equal(whole, train("parts", 12, resume=True))
    assert not torch.equal(whole, half)


def test_a_run_without_resume_starts_again(tmp_path):
    loop(Line(), tmp_path, 5).run()
    again = loop(Line(), tmp_path, 5)
    again.run()
    assert again.step == 5


def test_time_is_kept(tmp_path):
    stage = Line()
    short = Loop(stage, Budget(0.005, rate=0.01), tmp_path, stage.generator, CPU, lambda _: None)
    short.run()
    assert 0.25 < short.seconds < 3
    spent = Loop(Line(), Budget(0.005), tmp_path, torch.Generator(), CPU, lambda _: None)
    spent.run(resume=True)
    assert spent.step == short.step, "nothing is left of the budget"


def test_what_is_saved_is_a_safetensors_file_with_everything(tmp_path):
    trained = loop(Line(), tmp_path, 7)
    trained.run()
    with safe_open(str(trained.path), framework="pt") as file:
        names = set(file.keys())
    assert {"network.weight", "average.bias", "optimiser.exp_avg.weight", "generator"} <= names


def test_a_damaged_resume_file_is_refused(tmp_path):
    trained = loop(Line(), tmp_path, 2)
    trained.path.write_bytes(b"\x00" * 100)
    with pytest.raises(RecoverError) as caught:
        trained.run(resume=True)
    assert caught.value.code == ErrorCode.BAD_INPUT


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecoverError) as caught:
        loop(Line(), tmp_path / "file", 1).run()
    assert caught.value.code == ErrorCode.BAD_OUTPUT


def test_a_step_without_a_finite_gradient_is_left_out(tmp_path):
    stage = Line()
    broken = loop(stage, tmp_path, 3)
    broken._step(0.0)
    before = stage.network.weight.detach().clone()
    stage.loss = lambda _: (stage.network(torch.full((1, 1), torch.nan)).mean(), {})
    broken._step(0.0)
    assert torch.equal(stage.network.weight, before)


def test_averages_follow_and_swap():
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.0)
    average = Average(dict(layer.named_parameters()))
    layer.weight.data.fill_(1.0)
    for step in range(1, 200):
        average.update(step)
    assert 0.95 < float(average.values["weight"]) < 1
    average.swap()
    assert float(layer.weight) < 1
    average.swap()
    assert float(layer.weight) == 1


def test_a_missing_device_is_named():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(RecoverError) as caught:
        choose_device("cuda")
    assert caught.value.code == ErrorCode.BAD_SETTING
    assert choose_device("auto") == CPU


def test_an_unknown_device_is_named():
    with pytest.raises(RecoverError, match="gpu"):
        choose_device("gpu")
