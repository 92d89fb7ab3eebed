"""`imse`: the published, offline IMSE network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf
import tf_keras

from keras_imse.imse_config import (
    DEPLOY_FORMS,
    FRAME_MULTIPLE,
    REFERENCE_FORMS,
    STAGES,
    ImseConfig,
    OpForms,
    check_frames,
)
from keras_imse.layers.offline.convolution import CentredConv
from keras_imse.layers.offline.dense_encoder import DenseEncoder
from keras_imse.layers.offline.idconv import IDConv
from keras_imse.layers.offline.mask_decoder import MaskDecoder
from keras_imse.layers.offline.phase_decoder import PhaseDecoder
from keras_imse.layers.offline.pointwise import PointwiseConv
from keras_imse.layers.offline.resample import Downsample, Upsample
from keras_imse.layers.offline.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

#: Prefix of the layer that embeds a stage's input.
EMBED_PREFIX = "embed_"


class FrameCheck(tf_keras.layers.Layer):
    """Passes its input on and refuses a number of frames that does not divide by 4."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns ``x`` ``(batch, time, bands, 2)``."""
        if x.shape[1] is not None:
            check_frames(int(x.shape[1]))
            return x
        check = tf.debugging.assert_equal(
            tf.shape(x)[1] % FRAME_MULTIPLE,
            0,
            message=f"IMSE needs a number of frames that divides by {FRAME_MULTIPLE}",
        )
        with tf.control_dependencies([check]):
            return tf.identity(x)


def build_imse(
    config: ImseConfig | None = None,
    segment_frames: int | None = None,
    *,
    deploy: bool = False,
    forms: OpForms | None = None,
    seed: int | None = None,
) -> tf_keras.Model:
    """Builds the published network.

    Input ``features`` ``(batch, time, bands, 2)``: compressed magnitude and phase in radians of
    the noisy spectrum. Outputs ``mask`` ``(batch, time, bands, 1)`` in 0...1, which times
    ``config.mask_limit`` is the factor on the compressed magnitude, and ``phase``
    ``(batch, time, bands, 2)``: real and imaginary part whose angle is the enhanced phase.

    Args:
        config: Network configuration; the published one by default.
        segment_frames: Fixed number of frames, a multiple of 4; any multiple of 4 by default.
        deploy: Build for conversion: batch of one, fixed frames (those of one segment by
            default), only operators that TensorFlow Lite Micro runs. Same variables, so the same
            weights load.
        forms: Compositions to use instead of those that ``deploy`` implies.
        seed: Makes the initial weights the same every time; sets the seeds of the process.

    Returns:
        A functional model with outputs ``{"mask": ..., "phase": ...}``.

    Raises:
        ConfigError: ``segment_frames`` is not a positive multiple of 4.
    """
    if seed is not None:
        tf_keras.utils.set_random_seed(seed)
    config = config or ImseConfig()
    forms = forms or (DEPLOY_FORMS if deploy else REFERENCE_FORMS)
    if deploy and segment_frames is None:
        segment_frames = config.audio.segment_frames
    if segment_frames is not None:
        check_frames(segment_frames)
    features = tf_keras.Input(
        (segment_frames, config.audio.bands, 2), batch_size=1 if deploy else None, name="features"
    )
    x = features if deploy else FrameCheck(name="frame_check")(features)
    x = DenseEncoder(config.dense_channels, config.dense_depth, name="dense_encoder")(x)
    magnitude, phase = _u_net(config, forms)(x)
    decoder = {"channels": config.dense_channels, "depth": config.dense_depth}
    mask = MaskDecoder(**decoder, name="mask_decoder")(magnitude)
    angle = PhaseDecoder(**decoder, name="phase_decoder")(phase)
    # Layers of these names name the outputs of a converted model.
    outputs = {
        "mask": tf_keras.layers.Activation("linear", name="mask")(mask),
        "phase": tf_keras.layers.Activation("linear", name="phase")(angle),
    }
    return tf_keras.Model(features, outputs, name=config.name)


def inference_function(model: tf_keras.Model) -> Callable[[Any], dict[str, Any]]:
    """Returns the network compiled for inference, for :func:`keras_imse.enhance_imse.enhance`.

    Args:
        model: A network of :func:`build_imse`.

    Returns:
        Function from ``(batch, time, bands, 2)`` to ``{"mask", "phase"}`` as numpy arrays. The
        first call at each length compiles.
    """
    compiled = tf.function(lambda x: model(x, training=False))

    def run(features: Any) -> dict[str, Any]:
        outputs = compiled(tf.convert_to_tensor(features, tf.float32))
        return {name: value.numpy() for name, value in outputs.items()}

    return run


def _u_net(
    config: ImseConfig, forms: OpForms
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns the U-Net with its two refinement heads as a function of the encoder output."""
    levels = dict(STAGES)

    def stage(name: str, x: tf.Tensor) -> tf.Tensor:
        """Embeds ``x``, runs the stage's blocks and adds ``x``."""
        level = levels[name]
        channels = config.channels(level)
        embedded = IDConv(
            channels, config.strip, config.branch_ratio, name=f"{EMBED_PREFIX}{name}"
        )(x)
        y = Stage(
            channels,
            config.hidden_channels(level),
            blocks=config.stage_blocks,
            head_size=config.head_size,
            squeezed=config.skff_channels(level),
            forms=forms,
            name=name,
        )(embedded)
        return tf_keras.layers.Add(name=f"{name}_residual")([y, x])

    def merge(level: int, up: tf.Tensor, skip: tf.Tensor) -> tf.Tensor:
        """Concatenates with a skip and reduces the channels again."""
        both = tf_keras.layers.Concatenate(name=f"skip_level{level + 1}")([up, skip])
        conv = PointwiseConv(
            config.channels(level), use_bias=False, name=f"reduce_level{level + 1}"
        )
        return conv(both)

    def head(kind: str, x: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
        """Refines ``x`` for the mask or the phase and adds the encoder output."""
        y = stage(f"{kind}_refinement", x)
        conv = CentredConv(config.channels(0), (3, 3), use_bias=False, name=f"{kind}_output")
        return tf_keras.layers.Add(name=f"{kind}_residual")([conv(y), encoded])

    def run(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        level1 = stage("encoder_level1", encoded)
        level2 = stage("encoder_level2", Downsample(config.channels(1), name="down1_2")(level1))
        latent = stage("latent", Downsample(config.channels(2), name="down2_3")(level2))
        x = merge(1, Upsample(config.channels(1), name="up3_2")(latent), level2)
        x = stage("decoder_level2", x)
        x = merge(0, Upsample(config.channels(0), name="up2_1")(x), level1)
        x = stage("decoder_level1", x)
        return head("mag", x, encoded), head("pha", x, encoded)

    return run
