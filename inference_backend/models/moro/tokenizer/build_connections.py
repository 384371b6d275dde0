"""Build the tokenizer's connection tables for any triangle mesh: a hierarchy of vertices with neighbour lists.

    python -m inference_backend.models.moro.tokenizer.build_connections BODY.npz OUT.npz --points 1720 430 108 54

The coarser levels are vertices picked farthest-first by distance along the mesh, so any number of tokens can be had.
Each vertex belongs to the nearest picked one; two picked vertices are neighbours where their cells touch.
Nothing is random.
"""

import argparse
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from .connections import Connection, Connections, connections_to_tables


class _Level(NamedTuple):
    graph: csr_array
    """`[P,P]`, edge lengths between neighbours."""
    vertices: NDArray[np.float64]
    """`[P,3]`."""


class _Picked(NamedTuple):
    ids: NDArray[np.int64]
    """Picked vertices of the finer level, rising."""
    owner: NDArray[np.int64]
    """For each vertex of the finer level, the picked vertex (its place in `ids`) that it belongs to."""


def mesh_graph(vertices: NDArray, faces: NDArray) -> csr_array:
    """Edge lengths `[V,V]` of a triangle mesh: vertices `[V,3]`, faces `[F,3]`."""
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]])).astype(np.int64)
    return _graph(edges, np.asarray(vertices, dtype=np.float64))


def _graph(edges: NDArray[np.int64], vertices: NDArray[np.float64]) -> csr_array:
    edges = np.unique(np.sort(edges, 1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    edges = np.concatenate((edges, edges[:, ::-1]))
    # A shortest path needs positive lengths; doubled vertices lie at distance 0.
    length = np.maximum(np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1), 1e-6)
    return coo_array((length, (edges[:, 0], edges[:, 1])), shape=(len(vertices),) * 2).tocsr()


def _pick(level: _Level, count: int) -> _Picked:
    """Farthest-first traversal, from the vertex farthest from the centre."""
    n_vertices = len(level.vertices)
    if not 1 <= count <= n_vertices:
        raise ValueError(f"{count} vertices cannot be picked from {n_vertices}")
    if count == n_vertices:
        return _Picked(np.arange(n_vertices), np.arange(n_vertices))
    distance = np.full(n_vertices, np.inf)
    owner = np.zeros(n_vertices, np.int64)
    chosen = int(np.linalg.norm(level.vertices - level.vertices.mean(0), axis=1).argmax())
    picked = []
    for number in range(count):
        picked.append(chosen)
        limit = distance.max()
        found = dijkstra(level.graph, indices=chosen, limit=limit)
        nearer = found < distance
        distance[nearer], owner[nearer] = found[nearer], number
        chosen = int(distance.argmax())
    order = np.argsort(picked)
    return _Picked(np.asarray(picked)[order], np.argsort(order)[owner])


def _coarsen(level: _Level, picked: _Picked) -> _Level:
    edges = np.stack(level.graph.tocoo().coords, 1)
    vertices = level.vertices[picked.ids]
    return _Level(_graph(picked.owner[edges], vertices), vertices)


def _ring(level: _Level) -> list[list[int]]:
    """Each vertex and its neighbours."""
    g = level.graph
    return [[p, *np.sort(g.indices[g.indptr[p] : g.indptr[p + 1]]).tolist()] for p in range(len(level.vertices))]


def _cells_around(level: _Level, picked: _Picked) -> list[list[int]]:
    """For each vertex the cells that it and its neighbours lie in, its own first."""
    result = []
    for ring in _ring(level):
        own = int(picked.owner[ring[0]])
        result.append([own, *sorted({int(picked.owner[q]) for q in ring} - {own})])
    return result


def _transposed(lists: list[list[int]], picked: _Picked) -> list[list[int]]:
    """For each cell the vertices that list it, the picked vertex first."""
    members: list[list[int]] = [[] for _ in picked.ids]
    for vertex, cells in enumerate(lists):
        for cell in cells:
            members[cell].append(vertex)
    for cell, centre in enumerate(picked.ids.tolist()):
        members[cell].remove(centre)
        members[cell].insert(0, centre)
    return members


def _table(lists: list[list[int]]) -> Connection:
    width = max(map(len, lists))
    index = np.zeros((len(lists), width), np.int64)
    valid = np.zeros((len(lists), width), bool)
    for row, items in enumerate(lists):
        index[row, : len(items)] = items
        valid[row, : len(items)] = True
    return Connection(torch.from_numpy(index), torch.from_numpy(valid))


def build_connections(vertices: NDArray, faces: NDArray, points: tuple[int, ...]) -> Connections:
    """Connection tables for a mesh.

    Args:
        vertices: `[V,3]`, rest pose.
        faces: `[F,3]`.
        points: vertices on each level, finest first; the last is the number of tokens. The finest level is a subset of
            the mesh's largest connected part.

    Raises:
        ValueError: the levels do not get smaller, or ask for more vertices than there are.
    """
    if any(a < b for a, b in pairwise(points)):
        raise ValueError(f"levels must not grow: {points}")
    graph = mesh_graph(vertices, faces)
    part = connected_components(graph, directed=False)[1]
    ids = np.flatnonzero(part == np.bincount(part).argmax())
    level = _Level(graph[ids][:, ids], np.asarray(vertices, dtype=np.float64)[ids])
    first = _pick(level, points[0])
    level, ids = _coarsen(level, first), ids[first.ids]
    inward, outward = [], []
    for count in [*points[1:], None]:
        same = _table(_ring(level))
        inward.append(same)
        outward.append(same)
        if count is not None:
            picked = _pick(level, count)
            up = _cells_around(level, picked)
            inward.append(_table(_transposed(up, picked)))
            outward.append(_table(up))
            level = _coarsen(level, picked)
    return Connections((*inward, *reversed(outward)), tuple(points), ids)


def main() -> None:
    """Command line: read a body file, write connection tables."""
    parser = argparse.ArgumentParser(description="Build the mesh tokenizer's connection tables for a body.")
    parser.add_argument("body", type=Path, help="body .npz with v_template and f")
    parser.add_argument("out", type=Path, help="connection .npz to write")
    parser.add_argument("--points", type=int, nargs="+", required=True, help="vertices on each level, finest first")
    options = parser.parse_args()
    with np.load(options.body, allow_pickle=False) as body:
        connections = build_connections(body["v_template"], body["f"], tuple(options.points))
    np.savez_compressed(options.out, **connections_to_tables(connections))


if __name__ == "__main__":
    main()
