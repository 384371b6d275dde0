"""Fixtures 04 to 09: camera, trajectory and the transformers, part by part, plain and as they run by default."""

import pytest
import torch

from inference_backend.geometry.rot6d import matrix_from_rot6d_rows, rot6d_rows
from inference_backend.models.moro.evidence.camera import box_feature, full_camera
from inference_backend.models.moro.layers.rotary import rotary_angles, rotate
from inference_backend.models.moro.motion.image_encoder import sine_positions
from inference_backend.models.moro.motion.partial_decoder import PartialDecoder
from inference_backend.models.moro.motion.trajectory import (
    TrajectoryStatistics,
    canonical_steps,
    canonical_trajectory,
    integrate,
    place,
)

DST = "mask_transformer.dst_former"


@pytest.fixture(params=[True, False], ids=["plain", "default"])
def plain(request):
    """The plain reading of the method is only run in the full set: it says nothing about what the product runs."""
    if request.param:
        request.getfixturevalue("full_size")
    return request.param


class Watch:
    """Keeps what the named submodules put out (or take in) while a network runs."""

    def __init__(self, **modules):
        self.seen = {}
        self.hooks = [
            module.register_forward_hook(lambda _m, _i, out, name=name: self.seen.__setitem__(name, out))
            for name, module in modules.items()
        ]

    def __enter__(self):
        return self.seen

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()


def part_of_dst(released, *names):
    model = released(*(f"{DST}.{name}" for name in names))
    return model.dst_former


def fill_tables(released, recipe, *names):
    """Position tables are parameters of the module itself, not of a submodule."""
    network = released().dst_former
    for name in names:
        table = getattr(network, name)
        value = torch.from_numpy(recipe.value_for(f"{DST}.{name}", table.shape))
        setattr(network, name, torch.nn.Parameter(value, requires_grad=False))


@pytest.fixture(scope="module")
def motion(released, recipe):
    fill_tables(released, recipe, "m_pos_enc")
    names = ("token_embed", "traj_embed", "transformer", "traj_regressor", "pose_regressor", "contact_regressor")
    network = part_of_dst(released, *(f"m_{name}" for name in names))
    model = released("vqvae")
    table = recipe.value_for("mask_transformer.token_emb.weight", (513, 9))
    model.mask_transformer.token_emb.load_state_dict({"weight": torch.from_numpy(table)}, assign=True)
    model.mask_transformer.token_emb.requires_grad_(False)
    assert network is model.dst_former
    return model


@pytest.fixture(scope="module")
def decoder(released, recipe):
    fill_tables(released, recipe, "d_pos_enc")
    names = ("transformer", "traj_embed", "traj_regressor", "pose_regressor", "contact_regressor")
    return part_of_dst(released, *(f"d_{name}" for name in names))


def test_04_box_camera_and_image_encoder(released, fixture, near, recipe):
    data = fixture("04_bbox_cliff_image_encoder")
    box = box_feature(data["center"], data["scale"], data["K"], (data["K"][0, 0] + data["K"][1, 1]) / 2)[None]
    near(box, data["bbox"], 1e-6)
    near(sine_positions((16, 12), 1024)[::5, ::7], data["sine_pos_step5_chan_step7"])
    names = ("img_embed", "img_bbox_embed", "img_transformer", "img_traj_regressor", "d_traj_embed")
    network = part_of_dst(released, *names)
    tokens = torch.from_numpy(recipe.randn("fixture/img_tokens", (1, 4, 192, 1280)))
    near(tokens[0, :, ::48, ::160], data["img_tokens_probe"], 0)
    first, second = network.img_transformer.transformer.layers
    inputs = {}
    hook = first.register_forward_pre_hook(lambda _m, args: inputs.__setitem__("x", args[0]))
    with Watch(layer0=first, layer1=second) as seen:
        image = network.encode_image(tokens, None, box)
    hook.remove()
    near(inputs["x"][None, :, ::8, ::8], data["encoder_input_step8_chan_step8"])
    near(seen["layer0"][None, :, ::8, ::8], data["after_layer0_step8_chan_step8"])
    near(image.tokens[:, :, ::8, ::8], data["y_img_step8_chan_step8"])
    near(seen["layer1"][None, :, -1:], data["bbox_token"])
    near(image.weak, data["cam_weak"])
    near(image.rotation, data["cam_rot"])
    near(image.translation, data["cam_trans"])
    near(network.embed_trajectory(image.rotation, image.translation), data["cam_traj_feat"])
    rotation, translation = full_camera(data["cliff_weak"], data["cliff_bbox"])
    near(rotation, data["cliff_rot"])
    near(translation, data["cliff_trans"])


def test_05_trajectory(fixture, near):
    data = fixture("05_trajectory")
    statistics = TrajectoryStatistics(data["traj_mean"].reshape(9), data["traj_std"].reshape(9))
    rotation, translation = data["rotation"], data["translation"]
    start = rotation[:, 0], translation[:, 0]
    near(canonical_steps(rotation, translation), data["cano_raw"])
    near(canonical_trajectory(rotation, translation, statistics), data["cano_normalised"])
    back = integrate(data["cano_normalised"], statistics, *start)
    near(back[0], data["rotation_back"])
    near(back[1], data["translation_back"])
    moved = integrate(data["cano_perturbed"], statistics, *start)
    near(moved[0], data["rotation_from_perturbed"])
    near(moved[1], data["translation_from_perturbed"])
    near(canonical_trajectory(rotation[:, :1], translation[:, :1], statistics), data["cano_single_frame"], 0)
    near(matrix_from_rot6d_rows(data["d6_in"]), data["d6_matrix"])
    near(rot6d_rows(matrix_from_rot6d_rows(data["d6_in"])), data["d6_back"])
    near(place(data["local_points"], rotation, translation), data["global_points"])


def test_06_motion_encoder_inside(full_size, motion, fixture, near):
    data = fixture("06_motion_encoder")
    transformer = motion.dst_former.m_transformer
    st = transformer.blocks_st[0]
    fuse = {f"fuse{i}": layer for i, layer in enumerate(transformer.ts_attn)}
    parts = {"attn_s": st.attn_s, "mlp_s": st.mlp_s, "attn_t": st.attn_t, "mlp_t": st.mlp_t}
    with torch.no_grad(), Watch(**parts, **fuse) as seen:
        features = motion.dst_former.encode_motion(motion.codes(data["ids"]), data["cano_in"], plain=True)
        x = motion.dst_former.embed_motion(motion.codes(data["ids"]), data["cano_in"])
        near(x[:, :, ::8, ::8], data["layer0_in"])
        x_st, x_ts = st.temporal(st.spatial(x)), transformer.blocks_ts[0]
        near(x_st[:1, :, ::8, ::8], data["st0_out"])
        near(x_ts.spatial(x_ts.temporal(x))[:1, :, ::8, ::8], data["ts0_out"])
    for name in parts:
        near(seen[name].reshape(-1, 6, 88, 1024)[:1, :, ::8, ::8], data[f"st0_{name}"])
    for i in range(4):
        near(seen[f"fuse{i}"][:1], data[f"fuse_logits{i}"])
    near(features.pose[:, :, ::8, ::8], data["pose_feat_step8_chan_step8"])


def test_06_motion_encoder(motion, fixture, near, plain):
    data = fixture("06_motion_encoder")
    network = motion.dst_former
    with torch.no_grad():
        found = network.encode_motion(motion.codes(data["ids"]), data["cano_in"], plain)
        logits, contact = network.motion_heads(found)
    near(found.pose[:, :, ::8, ::8], data["pose_feat_step8_chan_step8"])
    near(found.trajectory, data["traj_feat"])
    near(found.canonical, data["cano_out"])
    near(logits.permute(0, 3, 1, 2)[:, ::8], data["logits_code_step8"])
    assert torch.equal(logits.argmax(-1), data["logits_argmax"])
    near(contact, data["contact"])


def test_07_attention_alone(released, fixture, near, recipe, plain):
    data = fixture("07_long_window")
    block = f"{DST}.m_transformer.blocks_st.1"
    attention = released(f"{block}.attn_t", f"{block}.attn_s").get_submodule(block)
    x = torch.from_numpy(recipe.randn("fixture/attn_long", (1, 150, 2, 1024)))
    with torch.no_grad():
        near(attention.attn_t(x, plain)[:, ::3, :, ::8], data["attn_temporal_out_step3_chan_step8"])
        x = torch.from_numpy(recipe.randn("fixture/attn_spatial", (1, 2, 20, 1024)))
        near(attention.attn_s(x)[..., ::8], data["attn_spatial_out_chan_step8"])
    angles = rotary_angles(150, 128, torch.device("cpu"))
    near(angles.repeat_interleave(2, -1)[::7], data["rope_table_step7"])
    q = torch.from_numpy(recipe.randn("fixture/rope_q", (1, 2, 150, 128)))
    near(rotate(q, angles)[:, :, ::5], data["rope_out_step5"])


def test_07_long_window(full_size, motion, fixture, near, plain):
    data = fixture("07_long_window")
    network = motion.dst_former
    with torch.no_grad():
        found = network.encode_motion(motion.codes(data["ids"]), data["cano_in"], plain)
        logits, contact = network.motion_heads(found)
    near(found.pose[:, ::4, ::8, ::16], data["pose_feat_frame_step4_tok_step8_chan_step16"])
    near(found.trajectory[..., ::4], data["traj_feat_chan_step4"])
    near(found.canonical, data["cano_out"])
    near(contact, data["contact"])
    assert torch.equal(logits.argmax(-1), data["logits_argmax"])


def test_08_decoder_inside(full_size, decoder, fixture, near, recipe):
    data = fixture("08_decoder")
    x = torch.from_numpy(recipe.randn("fixture/decoder_feat", (1, 8, 281, 1024)))
    transformer = decoder.d_transformer
    with torch.no_grad(), Watch(fuse0=transformer.ts_attn[0], fuse1=transformer.ts_attn[1]) as seen:
        x = decoder.decoder_positions(x)
        near(x[:, ::2, ::8, ::16], data["layer0_in"])
        out = transformer(x, plain=True)
    near(seen["fuse0"][:, :, ::4], data["fuse_logits0"])
    near(seen["fuse1"][:, :, ::4], data["fuse_logits1"])
    near(out[:, ::2, ::8, ::16], data["out_feat"])


def test_08_decoder(decoder, fixture, near, recipe, plain):
    data = fixture("08_decoder")
    x = torch.from_numpy(recipe.randn("fixture/decoder_feat", (1, 8, 281, 1024)))
    pose, image, canonical, camera = x.split((87, 192, 1, 1), 2)
    with torch.no_grad():
        if plain:
            found = decoder.decode(pose, image, canonical, camera, plain=True)
        else:
            found = PartialDecoder(decoder, image, camera, 2**30)(pose, canonical)
    near(found.logits.permute(0, 3, 1, 2)[:, ::16], data["logits_code_step16"])
    assert torch.equal(found.logits.argmax(-1), data["logits_argmax"])
    near(found.logits.amax(-1), data["logits_max"])
    near(found.contact, data["contact"])
    near(found.rotation, data["cam_rot"])
    near(found.translation, data["cam_trans"])


def test_09_smoother(released, fixture, near):
    data = fixture("09_smoother")
    smoother = released("smoother").smoother
    near(smoother(data["tokens_in"]), data["tokens_out"])
    near(smoother(data["tokens_in"][:, :1]), data["tokens_out_first_frame_alone"])
