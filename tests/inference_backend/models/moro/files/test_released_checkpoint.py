"""The authors' files: every key, safe reading of Lightning checkpoints, conversion, statistics."""

import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest
import torch

from inference_backend.models.moro.config import RESEARCH
from inference_backend.models.moro.files.checkpoint import (
    check_keys,
    convert_released,
    empty_network,
    expected_shapes,
    load_network,
    read_released_tokenizer,
    save_network,
)
from inference_backend.models.moro.files.statistics_file import bundled_statistics, read_released_statistics
from inference_backend.models.moro.files.torch_file import TorchFile
from inference_backend.models.moro.files.weights_file import config_from_json, config_to_json, read_weights
from inference_backend.models.moro.tokenizer.mesh_tokenizer import MeshTokenizer
from inference_backend.protocol.errors import ErrorCode, RecoverError


@pytest.fixture
def strangers():
    """Classes that this environment does not have when the file is read, as Lightning's and OmegaConf's."""
    made, before = {}, set(sys.modules)
    for module, name in (
        ("omegaconf.dictconfig", "DictConfig"),
        ("omegaconf.base", "ContainerMetadata"),
        ("lightning.pytorch.callbacks.model_checkpoint", "ModelCheckpoint"),
    ):
        for depth in range(1, module.count(".") + 1):
            parent = ".".join(module.split(".")[:depth])
            sys.modules.setdefault(parent, types.ModuleType(parent))
        package = types.ModuleType(module)
        cls = type(name, (), {"__module__": module})
        setattr(package, name, cls)
        sys.modules[module] = package
        made[name] = cls
    yield made
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("omegaconf", "lightning"):
            del sys.modules[name]


def lightning_file(path, state, strangers, **more):
    """A checkpoint as Lightning writes it: weights among configuration objects and optimiser state."""
    config = strangers["DictConfig"]()
    config.__dict__["_content"] = {"lr": 1e-5, "body": strangers["ContainerMetadata"]()}
    callback = strangers["ModelCheckpoint"]()
    callback.best = torch.tensor(0.5)
    optimiser = {i: {"exp_avg": torch.zeros(1000), "step": torch.tensor(3.0)} for i in range(3)}
    content = {
        "epoch": 7,
        "pytorch-lightning_version": "2.4.0",
        "hyper_parameters": config,
        "callbacks": {"ModelCheckpoint": callback},
        "optimizer_states": [{"state": optimiser, "param_groups": [{"lr": 1e-5, "betas": (0.9, 0.999)}]}],
        "state_dict": state,
        **more,
    }
    torch.save(content, path)
    for cls in strangers.values():
        sys.modules.pop(cls.__module__, None)
    return path


@pytest.fixture
def body_model_keys():
    return {"bm_neutral.bm.v_template": torch.zeros(5, 3), "bm_neutral.bm.parents": torch.zeros(5, dtype=torch.int64)}


def table(recipe, path):
    return {key: shape for key, (shape, _) in recipe.read_table(path).items() if not key.startswith("bm_")}


def test_every_released_key_and_shape(recipe, moro_data):
    assert expected_shapes(empty_network(RESEARCH)) == table(recipe, moro_data / "state_dict_moro.tsv")
    with torch.device("meta"):
        tokenizer = MeshTokenizer(RESEARCH.tokenizer)
    released = table(recipe, moro_data / "state_dict_tokenizer.tsv")
    assert {f"mesh_vqvae.{k}": s for k, s in expected_shapes(tokenizer).items()} == released


def test_converts_a_lightning_file(tmp_path, image_network, small_connections, strangers, body_model_keys):
    state = dict(image_network.state_dict())
    source = lightning_file(tmp_path / "läst run.ckpt", {**body_model_keys, **state}, strangers)
    statistics = bundled_statistics()
    target = tmp_path / "new folder" / "moro.safetensors"
    convert_released(source, target, statistics, image_network.config, origin="ours")
    stored = read_weights(target)
    assert stored.config == image_network.config
    assert stored.metadata["trajectory_statistics"] == "ours"
    model = load_network(target, small_connections)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(model.trajectory_mean, statistics.mean)
    assert not any(key.startswith("bm") for key in stored.tensors)


def test_connections_must_be_given_when_the_file_has_none(tmp_path, image_network, strangers):
    source = lightning_file(tmp_path / "a.ckpt", image_network.state_dict(), strangers)
    convert_released(source, tmp_path / "a.safetensors", bundled_statistics(), image_network.config)
    with pytest.raises(RecoverError, match="connection files") as caught:
        load_network(tmp_path / "a.safetensors")
    assert caught.value.code == ErrorCode.MISSING_PART


def test_released_tokenizer_alone(tmp_path, image_network, strangers):
    tokenizer = image_network.vqvae
    state = {f"mesh_vqvae.{key}": value for key, value in tokenizer.state_dict().items()}
    source = lightning_file(tmp_path / "tokenizer.ckpt", state, strangers)
    found = read_released_tokenizer(source, image_network.config)
    assert all(torch.equal(found.state_dict()[key], value) for key, value in tokenizer.state_dict().items())


def test_our_own_weights_carry_their_connections(tmp_path, landmark_network, small_connections):
    path = tmp_path / "open.safetensors"
    save_network(landmark_network, path, small_connections, {"body_sha256": "abc"}, torch.float16)
    model = load_network(path)
    np.testing.assert_array_equal(model.vertex_ids, small_connections.vertex_ids)
    assert read_weights(path).metadata["body_sha256"] == "abc"
    for layer, kept in zip(model.vqvae.fully_conv_ae.plan, small_connections.layers, strict=True):
        assert (layer.points, layer.slots) == tuple(kept.index.shape)
    weight = model.dst_former.m_token_embed.weight
    torch.testing.assert_close(weight, landmark_network.dst_former.m_token_embed.weight, atol=1e-3, rtol=1e-3)


def test_config_survives_json():
    assert config_from_json(config_to_json(RESEARCH)) == RESEARCH


class Payload:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch '{self.target}'",)


def test_nothing_in_a_file_is_run(tmp_path, image_network, strangers):
    marker = tmp_path / "it ran"
    source = lightning_file(
        tmp_path / "evil.ckpt", image_network.state_dict(), strangers, payload=Payload(marker), also=[Payload(marker)]
    )
    pickle.loads(pickle.dumps(Payload(marker)))  # noqa: S301 - the payload is real
    assert marker.exists()
    marker.unlink()
    with TorchFile(source) as file:
        assert file.contents["epoch"] == 7
    convert_released(source, tmp_path / "safe.safetensors", bundled_statistics(), image_network.config)
    assert not marker.exists()


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.98])
def test_truncated_checkpoint(tmp_path, image_network, strangers, kept):
    source = lightning_file(tmp_path / "last.ckpt", image_network.state_dict(), strangers)
    data = source.read_bytes()
    source.write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])
    with pytest.raises(RecoverError, match=r"last\.ckpt") as caught:
        convert_released(source, tmp_path / "o.safetensors", bundled_statistics(), image_network.config)
    assert caught.value.code == ErrorCode.BAD_INPUT
    assert not (tmp_path / "o.safetensors").exists()


def test_garbled_pickle_is_a_sentence(tmp_path, strangers):
    source = lightning_file(tmp_path / "last.ckpt", {"a": torch.zeros(3), "b": torch.ones(2)}, strangers)
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    (name,) = (n for n in entries if n.endswith("data.pkl"))
    refused = 0
    for _ in range(300):
        data = bytearray(entries[name])
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        with zipfile.ZipFile(source, "w") as archive:
            for key, value in entries.items():
                archive.writestr(key, bytes(data) if key == name else value)
        try:
            with TorchFile(source) as file:
                state = file.contents["state_dict"] if isinstance(file.contents, dict) else {}
        except RecoverError as error:
            refused += "last.ckpt" in error.sentence
        except KeyError:
            continue
        else:
            assert isinstance(state, object)
    assert 30 < refused < 300


def test_missing_alien_and_resized_keys_are_named(tmp_path, image_network, strangers):
    state = dict(image_network.state_dict())
    state.pop("smoother.alpha")
    state["head.weight"] = torch.zeros(3)
    state["mask_transformer.dst_former.m_token_embed.bias"] = torch.zeros(7)
    source = lightning_file(tmp_path / "other.ckpt", state, strangers)
    with pytest.raises(RecoverError) as caught:
        convert_released(source, tmp_path / "o.safetensors", bundled_statistics(), image_network.config)
    for word in ("smoother.alpha", "head.weight", "m_token_embed.bias is (7,) instead of (32,)", "other.ckpt"):
        assert word in caught.value.sentence


def test_a_checkpoint_of_another_size(tmp_path, image_network, strangers):
    source = lightning_file(tmp_path / "small.ckpt", image_network.state_dict(), strangers)
    with pytest.raises(RecoverError, match="of another size") as caught:
        convert_released(source, tmp_path / "o.safetensors", bundled_statistics(), RESEARCH)
    assert caught.value.code == ErrorCode.BAD_INPUT


def test_input_codes_must_be_the_codebook(tmp_path, image_network, strangers):
    state = {key: value.clone() for key, value in image_network.state_dict().items()}
    state["mask_transformer.token_emb.weight"][3] += 1
    source = lightning_file(tmp_path / "mixed.ckpt", state, strangers)
    with pytest.raises(RecoverError, match="codebook"):
        convert_released(source, tmp_path / "o.safetensors", bundled_statistics(), image_network.config)


def test_other_files_are_refused(tmp_path, image_network):
    for name, content in {"text.ckpt": b"hello", "empty.ckpt": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RecoverError, match=name):
            convert_released(tmp_path / name, tmp_path / "o", bundled_statistics(), image_network.config)
    torch.save({"weights": torch.zeros(3)}, tmp_path / "bare.ckpt")
    with pytest.raises(RecoverError, match="state_dict"):
        convert_released(tmp_path / "bare.ckpt", tmp_path / "o", bundled_statistics(), image_network.config)
    with pytest.raises(RecoverError) as caught:
        convert_released(tmp_path / "gone.ckpt", tmp_path / "o", bundled_statistics(), image_network.config)
    assert caught.value.code == ErrorCode.MISSING_PART


def test_damaged_weights_file(tmp_path, landmark_network, small_connections):
    path = tmp_path / "w.safetensors"
    save_network(landmark_network, path, small_connections, {})
    data = path.read_bytes()
    for broken in (b"", data[:7], data[:200], data[: len(data) // 2]):
        path.write_bytes(broken)
        with pytest.raises(RecoverError, match=r"w\.safetensors"):
            load_network(path)


def test_weights_that_are_not_finite(tmp_path, small_connections, landmark_network):
    path = tmp_path / "w.safetensors"
    bias = landmark_network.dst_former.m_token_embed.bias
    kept = bias[0].clone()
    bias[0] = torch.nan
    save_network(landmark_network, path, small_connections, {})
    bias[0] = kept
    with pytest.raises(RecoverError, match=r"m_token_embed\.bias"):
        load_network(path)


def test_check_keys_accepts_what_fits(tmp_path):
    check_keys({"a": (1,)}, {"a": (1,)}, tmp_path)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_released_statistics(tmp_path, protocol):
    mean, std = np.linspace(-1, 1, 9, dtype=np.float32), np.linspace(0.1, 1, 9)
    path = tmp_path / "amass_cum_traj.pkl"
    path.write_bytes(pickle.dumps({"Mean": mean.reshape(1, 1, 9), "Std": std.reshape(1, 1, 9)}, protocol))
    found = read_released_statistics(path)
    np.testing.assert_array_equal(found.mean.numpy(), mean)
    np.testing.assert_allclose(found.std.numpy(), std, rtol=1e-6)


def test_statistics_that_cannot_be_used(tmp_path):
    path = tmp_path / "s.pkl"
    marker = tmp_path / "ran"
    for content in (
        pickle.dumps({"Mean": np.zeros(9), "Std": np.zeros(9)}),
        pickle.dumps({"Mean": np.zeros(9)}),
        pickle.dumps({"Mean": Payload(marker), "Std": Payload(marker)}),
        pickle.dumps([1, 2]),
        b"",
        b"nothing",
    ):
        path.write_bytes(content)
        with pytest.raises(RecoverError, match=r"s\.pkl"):
            read_released_statistics(path)
    assert not marker.exists()


def test_bundled_statistics_are_of_a_moving_body():
    found = bundled_statistics()
    assert found.mean[[0, 4]].numpy() == pytest.approx([1, 1], abs=0.01)
    assert found.std.min() > 1e-4
    assert 0.005 < found.std[8] < 0.05  # metres a frame, forward
