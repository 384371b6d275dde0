"""What all stages share: the network, the posed body, the motion, where files go."""

from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from torch import nn

from ...body.body import Body
from ...models.moro.files.checkpoint import load_network, save_network
from ...models.moro.files.statistics_file import bundled_statistics
from ...models.moro.files.weights_file import read_weights
from ...models.moro.network import Moro
from ...models.moro.tokenizer.build_connections import build_connections
from ...models.moro.tokenizer.connections import Connections, connections_from_tables
from ...models.moro.tokenizer.mesh_autoencoder import MeshAutoencoder
from ...protocol.errors import ErrorCode, RecoverError
from ..data.archive import read_archive
from ..data.posing import PosedBody, flat_handed
from ..data.windows import MotionWindows
from ..provenance import provenance
from ..sizes import Size, StagePlan

_LATENTS_OFF: Final = 0.5
"""How far the landmark encoder's latents are taken to be off at first, in standard deviations of the codebook."""
_BACKBONE_HEADS: Final = ("parts.",)


def is_trained(name: str) -> bool:
    """Whether a parameter is of the transformers, and not of what the stage `landmarks` has trained."""
    _, found, rest = name.partition(".img_landmarks.")
    return ".dst_former." in name and (not found or rest.startswith(_BACKBONE_HEADS))


class Context:
    """Set-up of a training run.

    Args:
        size: of the network and its stages.
        data: folder with prepared motion.
        out: folder for weights and resume files.
        device: to compute on.
        seed: of every random draw.
        start: weights to start from; None for a random start.
        landmarks: weights whose landmark encoder is taken; None: it comes with `start`. It does not depend on the
            tokenizer, so that both can be trained side by side.

    Raises:
        RecoverError: the data or the weights cannot be used.
    """

    def __init__(
        self,
        size: Size,
        data: Path,
        out: Path,
        device: torch.device,
        seed: int = 0,
        start: Path | None = None,
        landmarks: Path | None = None,
    ) -> None:
        self.size, self.data, self.out, self.device, self.seed = size, data, out, device, seed
        self.generator = torch.Generator(device).manual_seed(seed)
        self.body = flat_handed(Body.load(None, device=device))
        if start is None:
            self.connections = self._build_connections()
            self.model = self._fresh_network()
            self._tie()
        else:
            file = read_weights(start)
            if file.metadata.get("body_sha256") != self.body.sha256:
                raise RecoverError(
                    ErrorCode.WRONG_BODY,
                    f"The weights {start} were trained for another body than {self.body.name}.",
                    "Start from weights of the open configuration, or train the stage tokenizer anew.",
                )
            tables = {k: v.numpy() for k, v in file.tensors.items() if k.startswith("connections.")}
            tables = {k.removeprefix("connections."): v for k, v in tables.items()}
            self.connections = connections_from_tables(tables, start, file.config.tokenizer)
            self.model = load_network(start).to(device)
            if file.metadata.get("stage") == "tokenizer":
                # Only its tokenizer has learned something; the rest starts in the size that is asked for now.
                tokenizer, self.model = self.model.vqvae, self._fresh_network()
                self.model.vqvae.load_state_dict(tokenizer.state_dict())
                self._tie()
        if landmarks is not None:
            self._take_landmark_encoder(landmarks)
        self.model.set_body(self.body)
        self.model.requires_grad_(True)
        self.model.mask_transformer.token_emb.requires_grad_(False)
        self.model.vqvae.vq_vae.requires_grad_(False)
        if device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16"):
            self.model.dst_former.compute_dtype = torch.bfloat16

    def _build_connections(self) -> Connections:
        body = Body.load(None)
        return build_connections(body.v_template.numpy(), body.faces.numpy(), self.size.points)

    def _fresh_network(self) -> Moro:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = Moro(self.size.config(self.connections.slots))
            model.set_connections(self.connections)
            model.vqvae.reset_parameters()
            keep_spread(model.vqvae.fully_conv_ae)
            model.dst_former.reset_parameters()
        model.set_statistics(bundled_statistics())
        return model.to(self.device)

    def _take_landmark_encoder(self, path: Path) -> None:
        own, other = self.model.dst_former, load_network(path).dst_former
        sizes = [(net.config.landmark_width, net.config.landmark_depth) for net in (own, other)]
        if sizes[0] != sizes[1]:
            raise RecoverError(
                ErrorCode.BAD_INPUT,
                f"The landmark encoder in {path} is of another size (width, depth: {sizes[1]} instead of {sizes[0]}).",
                "Name weights of the same --size.",
            )
        own.img_landmarks.load_state_dict(other.img_landmarks.state_dict())

    def _tie(self) -> None:
        """Let what knows the codebook know the present one."""
        self.model.tie_token_table()
        self.model.dst_former.set_code_prior(self.model.codebook, _LATENTS_OFF)

    def freeze_backbone(self) -> None:
        """Spare the gradients of what image and video training leave as it is."""
        for name, p in self.model.named_parameters():
            if ".dst_former." in name and not is_trained(name):
                p.requires_grad_(False)

    def plan(self, stage: str) -> StagePlan:
        """How a stage is trained."""
        return self.size.plans[stage]

    @cached_property
    def posed(self) -> PosedBody:
        """The body, posed in batches."""
        return PosedBody(self.body, self.model.vertex_ids.tolist())

    def windows(self, split: str, augment: bool = True, seed: int | None = None) -> MotionWindows:
        """Windows of a split; with a seed they are the same every time."""
        generator = self.generator if seed is None else torch.Generator(self.device).manual_seed(seed)
        return MotionWindows(read_archive(self.data / f"{split}.npz", self.body.sha256), self.body, generator, augment)

    def path(self, stage: str) -> Path:
        """The weights that a stage writes."""
        return self.out / f"moro_{stage}.safetensors"

    def save(self, stage: str, seconds: float, steps: int) -> None:
        """Write the network as it stands."""
        model = self.model
        extra = model.vqvae._buffers.pop("latent_variance", None)
        told = provenance(self.body, self.device, "virtual cameras, simulated landmark errors", seconds, steps)
        save_network(model, self.path(stage), self.connections, told | {"stage": stage})
        if extra is not None:
            model.vqvae.register_buffer("latent_variance", extra)


@torch.no_grad()
def keep_spread(autoencoder: MeshAutoencoder) -> None:
    """Scale a random start so that every layer passes on about the spread that it gets; resampling starts as a mean.

    The released start lets signals fade from layer to layer; it needs far more steps to get away from that.
    """
    for i, layer in enumerate(autoencoder.plan):
        if layer.convolves:
            neighbours = float(getattr(autoencoder, f"valid{i}").sum(1).mean())
            basis: nn.Parameter = getattr(autoencoder, f"weights{i}")
            basis.mul_((autoencoder.bases * neighbours / layer.channels_in) ** 0.5)
        else:
            getattr(autoencoder, f"p_neighbors{i}").fill_(1.0)
