"""Rope's configurations and the variants of its ablation. Everything that differs between them is a value here."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

TOKENS: Final = ("attention", "pooled")
REGRESSORS: Final = ("acpr", "transformer", "mlp")


@dataclass(frozen=True)
class RopeConfig:
    """Sizes and switches of Rope.

    Attributes:
        name: which configuration this is; stored with the weights.
        input: `proxy` (landmark maps and silhouette) or `rgb`.
        backbone: `light` for proxy images; `hrnet_w32` or `hrnet_w48` for RGB.
        image_hw: height and width of the input, the middle columns of the square box.
        channels: of the light backbone's branches, from the finest.
        blocks: residual blocks for each branch in each stage of the light backbone.
        neck: channels to which the fused map is brought before both trunks; 0: as it is.
        coordinates: the trunks see each pixel's place, so that a token can say where its part is.
        turn_to_box: the pelvis' rotation is read as seen by a camera that looks at the box's middle, as the picture
            shows it, and turned to the camera's axes afterwards; people beside the middle look turned without it.
        trunk: channels of the two trunks.
        trunk_layers: convolutions of each trunk.
        token: size C of a part token.
        heads: of every attention.
        isl_layers: self-attention layers of each level.
        shape_hidden, pose_hidden: hidden sizes of the heads.
        dropout: inside self-attention layers.
        levels: the levels that the regressor uses, `indep`, `inter` and `fulco`, or one of them.
        use_whobo: part tokens are seen beside the whole body's token.
        tokens: `attention` (the tokenizer), or `pooled`: means over the image in its place.
        regressor: `acpr`; `transformer` leaves out the exchange between levels, `mlp` attention between tokens, too.
        icl_literal: the exchange between levels exactly as printed (rank 6 at most); for tests.
        icl_balance: weigh keys down by how many joints share them.
    """

    name: str
    input: str
    backbone: str
    image_hw: tuple[int, int]
    channels: tuple[int, ...] = ()
    blocks: int = 2
    neck: int = 0
    coordinates: bool = False
    turn_to_box: bool = False
    trunk: int = 256
    trunk_layers: int = 2
    token: int = 128
    heads: int = 4
    isl_layers: int = 2
    shape_hidden: int = 512
    pose_hidden: int = 256
    dropout: float = 0.1
    levels: tuple[str, ...] = ("indep", "inter", "fulco")
    use_whobo: bool = True
    tokens: str = "attention"
    regressor: str = "acpr"
    icl_literal: bool = False
    icl_balance: bool = False

    def __post_init__(self) -> None:
        if self.tokens not in TOKENS or self.regressor not in REGRESSORS:
            raise ValueError(f"tokens is one of {TOKENS}, regressor one of {REGRESSORS}.")
        every = ("indep", "inter", "fulco")
        if self.levels not in (every, *((level,) for level in every)):
            raise ValueError("levels is indep, inter and fulco, or one of them.")

    @property
    def map_hw(self) -> tuple[int, int]:
        """Height and width of the feature map, and so of the part masks."""
        stride = 2 if self.backbone == "light" else 4
        return self.image_hw[0] // stride, self.image_hw[1] // stride

    def to_json(self) -> str:
        """As text, for weights files."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RopeConfig":
        """Inverse of `to_json`.

        Raises:
            ValueError, TypeError: it is not a configuration.
        """
        values: dict[str, Any] = json.loads(text)
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


OPEN: Final = RopeConfig(
    name="open",
    input="proxy",
    backbone="light",
    image_hw=(64, 48),
    channels=(32, 48, 64, 96),
    neck=64,
    turn_to_box=True,
    trunk=64,
    token=64,
    shape_hidden=256,
    pose_hidden=128,
)
"""Proxy images on a CPU."""
RESEARCH_W32: Final = RopeConfig("research-w32", "rgb", "hrnet_w32", (256, 192))
RESEARCH_W48: Final = RopeConfig("research-w48", "rgb", "hrnet_w48", (256, 192))
"""RGB crops, as in the paper."""

ABLATIONS: Final[dict[str, dict[str, Any]]] = {
    "full": {},
    "no_whobo": {"use_whobo": False},
    "no_hagt": {"tokens": "pooled"},
    "no_acpr": {"regressor": "mlp"},
    "baseline": {"levels": ("indep",), "use_whobo": False, "regressor": "mlp"},
    "baseline_transformer": {"levels": ("indep",), "use_whobo": False, "regressor": "transformer"},
    "indep_only": {"levels": ("indep",)},
    "inter_only": {"levels": ("inter",)},
    "fulco_only": {"levels": ("fulco",)},
    "coordinates": {"coordinates": True},
    "icl_literal": {"icl_literal": True},
}
"""Variants for the ablation table: what each changes. `no_acpr` is the paper's "HAGT + MLP"."""


def ablation(config: RopeConfig, variant: str) -> RopeConfig:
    """A configuration's variant.

    Raises:
        KeyError: there is no such variant.
    """
    return replace(config, name=f"{config.name}-{variant}", **ABLATIONS[variant])
