"""Fixtures 00 (in part), 01, 02: the released tokenizer with artificial weights."""

import numpy as np
import pytest
import torch

ENCODER_STEPS = (37, 11, 11, 3, 3, 1, 1)
DECODER_STEPS = (1, 3, 5, 11, 13, 37)


@pytest.fixture(scope="module")
def tokenizer(released):
    return released("vqvae").vqvae


def test_00_random_stream_of_the_weights(moro_data, recipe):
    with np.load(moro_data / "fixtures" / "00_weights_probe.npz") as probe:
        keys, first = probe["key"].tolist(), probe["first4"]
    table = recipe.read_table(moro_data / "state_dict_moro.tsv")
    small = [i for i, key in enumerate(keys) if np.prod(table[key][0]) <= 1e6]
    assert len(small) > 300
    for i in small:
        values = recipe.value_for(keys[i], *table[keys[i]]).ravel()[:4]
        np.testing.assert_array_equal(np.pad(values, (0, 4 - len(values))), first[i])


def test_01_encoder_layers_and_ids(tokenizer, fixture, near):
    data = fixture("01_tokenizer_encode")
    x = data["mesh"].transpose(0, 1)
    for i, step in enumerate(ENCODER_STEPS):
        x = tokenizer.fully_conv_ae.run_layer(i, x)
        expected = data[f"layer{i}"]
        near(x.transpose(0, 1)[: len(expected), ::step], expected)
    near(tokenizer.fully_conv_ae.encode(data["mesh"]), data["latent"])
    assert torch.equal(tokenizer.encode(data["mesh"]), data["ids"])


def test_02_decoder_layers_and_meshes(tokenizer, fixture, near):
    data = fixture("02_tokenizer_decode")
    codes = tokenizer.vq_vae.lookup(data["ids"])
    near(codes, data["quantized"], 0)
    x = codes[:1].transpose(0, 1)
    for i, step in enumerate(DECODER_STEPS, start=7):
        x = tokenizer.fully_conv_ae.run_layer(i, x)
        near(x.transpose(0, 1)[:, ::step], data[f"layer{i}"])
    near(tokenizer.decode(data["ids"])[:, ::7], data["mesh_step7"])
    near(tokenizer.decode_codes(data["latent"])[:, ::7], data["mesh_from_latent_step7"])


def test_02_round_trip(tokenizer, fixture, near, recipe):
    data = fixture("02_tokenizer_decode")
    mesh = recipe.randn("fixture/mesh/base", (2, 9383, 3), 0.3) + recipe.randn("fixture/mesh/offset", (2, 1, 3), 0.5)
    quantized = tokenizer.vq_vae(tokenizer.fully_conv_ae.encode(torch.from_numpy(mesh)))
    near(tokenizer.decode_codes(quantized.codes)[:, ::7], data["roundtrip_mesh_step7"])
    near(quantized.commitment, data["roundtrip_commitment_mse"])
    torch.testing.assert_close(quantized.perplexity, data["roundtrip_perplexity"], atol=1e-4, rtol=1e-5)
