"""The tokenizer's parts against plain readings of their formulas, its training step, and connections for new meshes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from inference_backend.models.moro.tokenizer.build_connections import build_connections
from inference_backend.models.moro.tokenizer.connections import connections_to_tables, read_connections
from inference_backend.models.moro.tokenizer.quantizer import Codebook
from inference_backend.protocol.errors import RecoverError


@pytest.fixture
def mesh():
    """A grid with a hole's worth of detail and, apart from it, a small second part."""
    side = 9
    x, y = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    vertices = np.stack((x.ravel(), y.ravel(), np.sin(x.ravel())), 1).astype(float)
    cell = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate(
        (np.stack((cell, cell + 1, cell + side), 1), np.stack((cell + 1, cell + side + 1, cell + side), 1))
    )
    apart = np.array([[50.0, 0, 0], [51, 0, 0], [50, 1, 0]])
    return np.concatenate((vertices, apart)), np.concatenate((faces, [[81, 82, 83]]))


def plain_layer(autoencoder, i, x, connection):
    """Layer i as the formula says, one vertex and slot at a time: x `[P,C]`."""
    plan = autoencoder.plan[i]
    out = []
    for p in range(plan.points):
        slots = [m for m in range(plan.slots) if connection.valid[p, m]]
        at = [int(connection.index[p, m]) for m in slots]
        if plan.convolves:
            basis = getattr(autoencoder, f"weights{i}").view(-1, plan.channels_out, plan.channels_in)
            coefficient = getattr(autoencoder, f"w_weights{i}")
            total = getattr(autoencoder, f"bias{i}").clone()
            for m, q in zip(slots, at, strict=True):
                total = total + torch.einsum("w,woc->oc", coefficient[p, m], basis) @ x[q]
            last = i + 1 == len(autoencoder.plan)
            out.append(total if last else torch.nn.functional.elu(total))
        else:
            weight = getattr(autoencoder, f"p_neighbors{i}")[p, slots].abs()
            out.append((weight[:, None] * x[at]).sum(0) / (weight.sum() + 1e-8))
    return torch.stack(out)


def test_layers_are_their_formulas(image_network, small_connections):
    autoencoder = image_network.vqvae.fully_conv_ae
    x = torch.randn(autoencoder.plan[0].points, 3, generator=torch.Generator().manual_seed(0))
    for i, connection in enumerate(small_connections.layers):
        found = autoencoder.run_layer(i, x[:, None]).squeeze(1)
        torch.testing.assert_close(found, plain_layer(autoencoder, i, x, connection), atol=1e-4, rtol=1e-4)
        x = found


def test_frames_in_chunks_change_nothing(image_network, monkeypatch):
    from inference_backend.models.moro.tokenizer import mesh_autoencoder

    codes = torch.randn(3, 5, 12, 5, generator=torch.Generator().manual_seed(1))
    whole = image_network.meshes(codes)
    assert whole.shape == (3, 5, 150, 3)
    monkeypatch.setattr(mesh_autoencoder, "_GATHER_BYTES", 1)
    assert image_network.vqvae.fully_conv_ae.meshes_at_once() == 1
    torch.testing.assert_close(image_network.meshes(codes), whole)


def test_the_codebook_follows_its_latents_and_restarts_idle_codes():
    book = Codebook(4, 2).train()
    codes = torch.tensor([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    book._embedding.weight.data.copy_(codes)
    book._ema_w.data.copy_(codes)
    book._ema_cluster_size.fill_(1)
    z = torch.tensor([[0.5, 0.5], [0.5, -0.5], [9.0, 1.0]], requires_grad=True)
    found = book(z)
    assert found.ids.tolist() == [0, 0, 1]
    assert torch.equal(found.codes, codes[[0, 0, 1]])
    found.codes.sum().backward()
    assert torch.equal(z.grad, torch.ones_like(z))
    size = 0.99 + 0.01 * torch.tensor([2.0, 1, 0, 0])
    total = size.sum()
    size = (size + 1e-5) / (total + 4e-5) * total
    moved = 0.99 * codes + 0.01 * torch.tensor([[1.0, 0], [9, 1], [0, 0], [0, 0]])
    torch.testing.assert_close(book._ema_cluster_size, size)
    torch.testing.assert_close(book._ema_w.data, moved)
    expected = moved / size[:, None]
    # Code counts start at 1: codes 2 and 3 were idle and fell below; there is a latent 2, but no latent 3.
    expected[2] = z[2].detach()
    torch.testing.assert_close(book.codes, expected)
    before = book.codes.clone()
    book.eval()(z)
    assert torch.equal(book.codes, before)


def test_training_makes_meshes_better(small_connections):
    from inference_backend.models.moro.tokenizer.mesh_tokenizer import MeshTokenizer

    torch.manual_seed(0)
    config = replace(_config(small_connections), codes=16)
    tokenizer = MeshTokenizer(config)
    tokenizer.set_connections(small_connections)
    tokenizer.reset_parameters()
    tokenizer.train()
    shape = torch.randn(1, 150, 3) * 0.3
    meshes = shape + 0.3 * torch.randn(16, 1, 1) * torch.randn(1, 150, 3)
    parameters = [p for p in tokenizer.parameters() if p.requires_grad]
    assert not any(p is q for p in parameters for q in tokenizer.vq_vae.parameters())
    optimiser = torch.optim.AdamW(parameters, 5e-3)
    losses = []
    for _ in range(60):
        loss = tokenizer.training_step(meshes)
        optimiser.zero_grad()
        loss.total.backward()
        optimiser.step()
        losses.append(loss.vertex.item())
    assert losses[-1] < 0.5 * losses[0]
    ids = tokenizer.eval().encode(meshes)
    assert ids.shape == (16, 12)
    assert ids.unique().numel() > 3


def _config(connections):
    from inference_backend.models.moro.config import TokenizerConfig

    return TokenizerConfig(connections.points, (3, 8, 16, 5), connections.slots, bases=4)


@pytest.mark.parametrize("points", [(81, 30, 11, 4), (60, 17, 7), (40, 1, 1)])
def test_connections_for_any_mesh_and_token_count(mesh, points):
    found = build_connections(*mesh, points)
    again = build_connections(*mesh, points)
    assert found.points == points
    assert found.vertex_ids.max() < 81, "the small part does not belong to the body"
    assert len(np.unique(found.vertex_ids)) == points[0]
    n = len(found.layers) // 2
    sizes = [points[0], *(points[(i + 1) // 2] for i in range(n))]
    for i, (layer, same) in enumerate(zip(found.layers, again.layers, strict=True)):
        assert torch.equal(layer.index, same.index)
        inputs = sizes[i] if i < n else sizes[n - (i - n)]
        used = layer.index[layer.valid]
        assert sorted(set(used.tolist())) == list(range(inputs)), "every input vertex is read by somebody"
        assert layer.valid[:, 0].all()
    for level in range(0, n, 2):
        assert torch.equal(found.layers[level].index[:, 0], torch.arange(points[level // 2]))


def test_pooling_and_unpooling_are_each_others_reverse(mesh):
    found = build_connections(*mesh, (60, 17, 7))
    pool, unpool = found.layers[1], found.layers[-2]

    def pairs(layer, flip):
        rows, slots = torch.nonzero(layer.valid, as_tuple=True)
        found = {(int(r), int(layer.index[r, s])) for r, s in zip(rows, slots, strict=True)}
        return {(b, a) for a, b in found} if flip else found

    assert pairs(pool, False) == pairs(unpool, True)


def test_impossible_levels_are_refused(mesh):
    with pytest.raises(ValueError, match="grow"):
        build_connections(*mesh, (30, 40, 10))
    with pytest.raises(ValueError, match="picked"):
        build_connections(*mesh, (82, 40, 10))


def test_connections_survive_the_disk(tmp_path, small_connections):
    tables = connections_to_tables(small_connections)
    path = tmp_path / "connections.npz"
    np.savez(path, **tables)
    folder = tmp_path / "medium mesh"
    folder.mkdir()
    for name, table in tables.items():
        np.save(folder / f"{name}.npy", table)
    for source in (path, folder):
        found = read_connections(source, _config(small_connections))
        for a, b in zip(found.layers, small_connections.layers, strict=True):
            assert torch.equal(a.index, b.index)
            assert torch.equal(a.valid, b.valid)
    np.testing.assert_array_equal(read_connections(path).vertex_ids, small_connections.vertex_ids)


def test_wrong_connection_files_are_named(tmp_path, small_connections, mesh):
    tables = connections_to_tables(small_connections)
    config = _config(small_connections)
    path = tmp_path / "c.npz"

    def refused(match, **changes):
        np.savez(path, **{k: v for k, v in {**tables, **changes}.items() if v is not None})
        with pytest.raises(RecoverError, match=match) as caught:
            read_connections(path, config)
        assert str(path) in caught.value.sentence

    other = connections_to_tables(build_connections(*mesh, (81, 30, 11)))
    np.savez(path, **other)
    with pytest.raises(RecoverError, match="81, 30, 11"):
        read_connections(path, config)
    refused("_unpool1 missing", _unpool1=None)
    bad = tables["_pool1"].copy()
    bad[0, 1] = 5000
    refused("vertex 5000", _pool1=bad)
    bad = tables["_pool1"].copy()
    bad[3, 0] = 0
    refused("without neighbours", _pool1=bad)
    refused("not a table", _pool1=np.zeros((40, 3)))
    refused("slots", _pool0=np.pad(tables["_pool0"], ((0, 0), (0, 2))))
    path.write_bytes(b"PK not really")
    with pytest.raises(RecoverError, match="damaged"):
        read_connections(path, config)
    with pytest.raises(RecoverError, match="do not exist"):
        read_connections(tmp_path / "nowhere.npz", config)
    np.savez(path, _pool0=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RecoverError, match="damaged"):
        read_connections(path, config)
