"""The two configurations of MoRo. Everything that differs between them is a number here."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TokenizerConfig:
    """Sizes of the mesh tokenizer.

    Attributes:
        points: number of vertices on each level, finest first; the last one is the number of tokens.
        channels: channels before the first and after each encoder convolution; the last one is the code size.
        slots: neighbour slots of each of the layers, encoder then decoder; set by the connection files.
        codes: codebook size.
        bases: basis matrices that each convolution mixes.
    """

    points: tuple[int, ...]
    channels: tuple[int, ...]
    slots: tuple[int, ...]
    codes: int = 512
    bases: int = 9

    @property
    def tokens(self) -> int:
        """Tokens for each mesh."""
        return self.points[-1]

    @property
    def code_size(self) -> int:
        """Numbers in a code."""
        return self.channels[-1]

    @property
    def layers_each_way(self) -> int:
        """Layers of the encoder, and of the decoder."""
        return 2 * len(self.points) - 1


@dataclass(frozen=True)
class BackboneConfig:
    """Sizes of the image backbone (a plain ViT over a crop whose sides are cut off)."""

    crop: int = 256
    cut: int = 32
    patch: int = 16
    padding: int = 2
    grid: tuple[int, int] = (16, 12)
    width: int = 1280
    depth: int = 32
    heads: int = 16


@dataclass(frozen=True)
class MoroConfig:
    """Sizes of the whole network.

    Attributes:
        name: which configuration this is; stored with the weights.
        body_name: the body that the tokenizer codes; must agree with the pipeline's body.
        tokenizer: the mesh tokenizer.
        backbone: the image backbone; None where evidence comes as ready tokens (landmarks).
        evidence_tokens: evidence tokens a frame.
        evidence_channels: numbers in an evidence token before embedding.
        width, heads, mlp_ratio: of every transformer.
        motion_depth, image_depth, decoder_depth: layers.
        attention_reach: temporal attention sees frames i - reach .. i + reach.
        contacts: contact logits a frame.
        clip_frames, overlap_frames: window and overlap for long clips.
        evidence_groups: which of the incoming tokens are joined to one evidence token each, every group with an
            embedding of its own; None: the tokens are taken one by one.
        trajectory_in_box: the decoder speaks of the trajectory as the image encoder does, relative to the person's box
            and size, instead of in absolute metres.
        mean_codes: the motion is read out as the mean code under each token's distribution, instead of the likeliest.
        landmark_width, landmark_depth: of the landmark encoder; depth 0: there is none.
    """

    name: str
    body_name: str
    tokenizer: TokenizerConfig
    backbone: BackboneConfig | None
    evidence_tokens: int
    evidence_channels: int
    width: int
    heads: int
    mlp_ratio: int = 4
    motion_depth: int = 4
    image_depth: int = 2
    decoder_depth: int = 2
    attention_reach: int = 60
    contacts: int = 4
    clip_frames: int = 500
    overlap_frames: int = 120
    smoother_width: int = field(default=64)
    evidence_groups: tuple[tuple[int, ...], ...] | None = None
    trajectory_in_box: bool = False
    mean_codes: bool = False
    landmark_width: int = 192
    landmark_depth: int = 0

    @property
    def mask_id(self) -> int:
        """The token id that means "not known"."""
        return self.tokenizer.codes


RESEARCH = MoroConfig(
    name="research",
    body_name="SMPLX_NEUTRAL",
    tokenizer=TokenizerConfig(
        points=(9383, 2618, 546, 87),
        channels=(3, 32, 64, 128, 9),
        slots=(31, 41, 24, 59, 28, 84, 34, 34, 17, 28, 15, 24, 17, 31),
    ),
    backbone=BackboneConfig(),
    evidence_tokens=192,
    evidence_channels=1280,
    width=1024,
    heads=8,
)
"""The released model: ViT-H/16 on crops, SMPL-X body vertices 0..9382, 87 tokens."""


def open_config(points: tuple[int, ...], slots: tuple[int, ...]) -> MoroConfig:
    """The open model: BlazePose landmarks, some vertices of the open body, small enough to come with the program.

    Args:
        points: vertices on each of the tokenizer's four levels (`build_connections`).
        slots: neighbour slots of each layer, from the same connections.
    """
    return MoroConfig(
        name="open",
        body_name="SMPLX_OPEN",
        tokenizer=TokenizerConfig(points=points, channels=(3, 32, 64, 128, 9), slots=slots),
        backbone=None,
        evidence_tokens=33,
        evidence_channels=7,
        width=128,
        heads=4,
    )


OPEN_POINTS = (1720, 430, 108, 54)
"""Levels of the open body's tokenizer: 54 tokens."""
