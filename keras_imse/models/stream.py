"""`imse-stream`: the causal, frame-by-frame IMSE network."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from keras_imse.config import StreamConfig
from keras_imse.layers.blocks import StreamingBlock
from keras_imse.layers.streaming import StateSpec, build_scoped


class ImseStream(tf_keras.Model):
    """U-Net over frequency with streaming blocks; masks magnitude and corrects phase.

    Compressed spectrum ``(batch, time, bands, 3)`` -> three strided convolutions over frequency
    -> a light block at the middle level, full blocks at the lowest -> up by moving channels to
    frequency, skips by concatenation and 1x1 convolutions -> mask and phase heads.

    Args:
        config: Network configuration.
    """

    def __init__(self, config: StreamConfig, **kwargs: Any) -> None:
        super().__init__(name=config.name.replace("-", "_"), **kwargs)
        self.config = config
        c1, c2, c3 = config.channels
        k1, k2, k3 = config.encoder_kernels
        bands = config.frontend.bands
        self.down1 = _ConvNormAct(c1, k1, stride=2, name="down1")
        self.down2 = _ConvNormAct(c2, k2, stride=2, name="down2")
        self.down3 = _ConvNormAct(c3, k3, stride=2, name="down3")

        def light(name: str) -> StreamingBlock:
            return StreamingBlock(
                config, c2, attention=False, expansion=config.light_expansion, name=name
            )

        self.encode2 = light("encode2")
        self.middle = [
            StreamingBlock(
                config, c3, attention=True, expansion=config.block_expansion, name=f"middle{i}"
            )
            for i in range(config.middle_blocks)
        ]
        self.up3 = tf_keras.layers.Conv2D(2 * c2, 1, name="up3")
        self.merge2 = _ConvNormAct(c2, 1, name="merge2")
        self.decode2 = light("decode2")
        self.up2 = tf_keras.layers.Conv2D(2 * c1, 1, name="up2")
        self.merge1 = _ConvNormAct(c1, 1, name="merge1")
        self.mask_head = tf_keras.layers.Conv2D(2, (1, 3), padding="same", name="mask_head")
        self.phase_head = tf_keras.layers.Conv2D(4, (1, 3), padding="same", name="phase_head")
        self.slope = self.add_weight(
            name="mask_head/slope", shape=(1, 1, bands, 1), initializer="ones"
        )
        self._blocks = [self.encode2, *self.middle, self.decode2]
        self._block_freqs = [bands // 4, *([bands // 8] * config.middle_blocks), bands // 4]
        with tf.name_scope(self.name):
            widths = [c2, *([c3] * config.middle_blocks), c2]
            for block, freq, width in zip(self._blocks, self._block_freqs, widths, strict=True):
                build_scoped(block, (None, None, freq, width))
        self(tf.zeros((1, 2, bands, 3)))

    def fold_norms(self) -> None:
        """Folds the norms that the converter cannot fold; for inference only."""
        for block in self._blocks:
            block.fold_norms()

    def state_specs(self) -> list[StateSpec]:
        """Returns all states in the order ``step`` takes them."""
        return [
            spec
            for block, freq in zip(self._blocks, self._block_freqs, strict=True)
            for spec in block.state_specs(freq)
        ]

    def initial_states(self, batch: tf.Tensor | int = 1) -> list[tf.Tensor]:
        """Returns the states before the first frame, each ``(batch, frames, freq, channels)``."""
        return [
            state
            for block, freq in zip(self._blocks, self._block_freqs, strict=True)
            for state in block.initial_states(batch, freq)
        ]

    def initial_state_frames(self) -> list[np.ndarray]:
        """Returns one frame ``(freq, channels)`` of each initial state; all frames are equal."""
        return [
            frame
            for block, freq in zip(self._blocks, self._block_freqs, strict=True)
            for frame in block.initial_state_frames(freq)
        ]

    def step(
        self, features: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Runs any number of frames from a given state.

        Args:
            features: Compressed spectrum ``(batch, time, bands, 3)``.
            states: States as from :meth:`initial_states` or a previous call.
            training: Whether norms use and update batch statistics.

        Returns:
            ``(mask, phase, next_states)``: the mask ``(batch, time, bands, 1)`` in 0…1 (the
            magnitude factor is twice that) and the phase correction ``(batch, time, bands, 2)``.
        """
        next_states: list[tf.Tensor] = []
        remaining = list(states)

        def run(block: StreamingBlock, x: tf.Tensor) -> tf.Tensor:
            nonlocal remaining
            count = len(block.state_specs(x.shape[2]))
            y, after = block(x, remaining[:count], training=training)
            remaining = remaining[count:]
            next_states.extend(after)
            return y

        skip1 = self.down1(features, training=training)
        skip2 = run(self.encode2, self.down2(skip1, training=training))
        x = self.down3(skip2, training=training)
        for block in self.middle:
            x = run(block, x)
        x = tf.concat([_channels_to_freq(self.up3(x)), skip2], axis=-1)
        x = run(self.decode2, self.merge2(x, training=training))
        x = tf.concat([_channels_to_freq(self.up2(x)), skip1], axis=-1)
        x = self.merge1(x, training=training)
        mask = tf.sigmoid(_channels_to_freq(self.mask_head(x)) * self.slope)
        phase = _channels_to_freq(self.phase_head(x))
        return mask, phase, next_states

    def call(self, features: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs whole recordings ``(batch, time, bands, 3)`` from the initial state."""
        mask, phase, _ = self.step(
            features, self.initial_states(tf.shape(features)[0]), training=training
        )
        return mask, phase


class _ConvNormAct(tf_keras.layers.Layer):
    """1xk convolution over frequency, BatchNorm, PReLU per channel."""

    def __init__(self, channels: int, kernel: int, *, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv = tf_keras.layers.Conv2D(
            channels, (1, kernel), strides=(1, stride), padding="same", use_bias=False, name="conv"
        )
        self.norm = tf_keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.98, name="norm")
        self.act = tf_keras.layers.PReLU(
            alpha_initializer=tf_keras.initializers.Constant(0.25),
            shared_axes=[1, 2],
            name="act",
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.act(self.norm(self.conv(x), training=training))


def _channels_to_freq(x: tf.Tensor) -> tf.Tensor:
    """(batch, time, freq, 2 c) -> (batch, time, 2 freq, c): a pure reshape."""
    _, time, freq, channels = x.shape
    return tf.reshape(x, (-1, tf.shape(x)[1] if time is None else time, 2 * freq, channels // 2))


def build_streaming_model(model: ImseStream) -> tf_keras.Model:
    """Wraps a folded copy of the network as a functional model of one frame.

    Args:
        model: The network; its weights are copied, norms are folded.

    Returns:
        A model with inputs ``features`` ``(1, 1, bands, 3)`` and ``state_00``… and outputs
        ``mask``, ``phase`` and ``next_state_00``… in the order of the states.
    """
    folded = ImseStream(model.config)
    folded.set_weights(model.get_weights())
    folded.fold_norms()
    bands = model.config.frontend.bands
    features = tf_keras.Input(batch_shape=(1, 1, bands, 3), name="features")
    states = [
        tf_keras.Input(batch_shape=(1, *spec.shape), name=f"state_{i:02d}")
        for i, spec in enumerate(folded.state_specs())
    ]
    mask, phase, after = _Step(folded, name="step")([features, *states])

    def named(x: tf.Tensor, name: str) -> tf.Tensor:
        return tf_keras.layers.Activation("linear", name=name)(x)

    outputs = {"mask": named(mask, "mask"), "phase": named(phase, "phase")}
    for i, state in enumerate(after):
        outputs[f"next_state_{i:02d}"] = named(state, f"next_state_{i:02d}")
    return tf_keras.Model([features, *states], outputs, name=f"{model.name}_frame")


class _Step(tf_keras.layers.Layer):
    """Holds the network, so that the functional model tracks its weights."""

    def __init__(self, model: ImseStream, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.network = model

    def call(self, inputs: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        return self.network.step(inputs[0], inputs[1:])
