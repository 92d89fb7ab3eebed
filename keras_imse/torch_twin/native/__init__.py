"""The operators of ``ops.cpp`` as differentiable PyTorch functions, compiled when first used."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch

from keras_imse.errors import TrainingError

EPSILON = 1e-3


@functools.cache
def library() -> Any:
    """Compiles and loads the operators; PyTorch caches the result between runs.

    Raises:
        TrainingError: There is no C++ compiler or no ninja, or compiling failed.
    """
    from torch.utils import cpp_extension

    try:
        return cpp_extension.load(
            "imse_mcu_training_ops",
            [str(Path(__file__).with_name("ops.cpp"))],
            extra_cflags=["-O3", "-march=native", "-ffast-math", "-fopenmp"],
            extra_ldflags=["-fopenmp"],
        )
    except (RuntimeError, OSError, ImportError) as error:
        raise TrainingError(
            f"the training operators cannot be compiled: {str(error).splitlines()[0]}",
            hint="install g++ and ninja, or train without --native",
        ) from error


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> Any:
        x, weight = x.contiguous(), weight.contiguous()
        ctx.save_for_backward(x, weight)
        return library().depthwise_forward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        x, weight = ctx.saved_tensors
        return tuple(library().depthwise_backward(x, weight, grads[0].contiguous()))


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, slope: torch.Tensor
    ) -> Any:
        x = x.contiguous()
        y, mean, variance = library().norm_forward(x, gamma, beta, slope, EPSILON)
        ctx.save_for_backward(x, gamma, beta, slope, mean, variance)
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        x, gamma, beta, slope, mean, variance = ctx.saved_tensors
        dx, dgamma, dbeta, dslope = library().norm_backward(
            x, gamma, beta, slope, mean, variance, grads[0].contiguous(), EPSILON
        )
        return dx, dgamma, dbeta, dslope if slope.numel() else None


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> Any:
        ctx.save_for_backward(x)
        return library().gate_forward(x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return library().gate_backward(ctx.saved_tensors[0], grads[0].contiguous())


class _Windows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, kernel: int) -> Any:
        ctx.kernel, ctx.freq, ctx.needed = kernel, x.shape[2], x.requires_grad
        return library().windows_forward(x.contiguous(), kernel)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        if not ctx.needed:
            return None, None
        return library().windows_backward(grads[0].contiguous(), ctx.kernel, ctx.freq), None


class _Positive(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> Any:
        y = library().positive_forward(x.contiguous())
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        # The derivative of elu is exp(x) = y below zero and 1 above, where y > 1.
        return grads[0] * ctx.saved_tensors[0].clamp(max=1.0)


class _Summary(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, key: torch.Tensor, value: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> Any:
        key, value = key.contiguous(), value.contiguous()
        ctx.save_for_backward(key, value, cos, sin)
        return tuple(library().summary_forward(key, value, cos, sin))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        gradients = [g.contiguous() for g in grads]
        return (*library().summary_backward(*ctx.saved_tensors, *gradients), None, None)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        *tensors, scale, floor = inputs
        tensors = [t.contiguous() for t in tensors]
        ctx.save_for_backward(*tensors)
        ctx.constants = scale, floor
        return library().attend_forward(*tensors, scale, floor)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        gradients = library().attend_backward(
            *ctx.saved_tensors, grads[0].contiguous(), *ctx.constants
        )
        return (*gradients, None, None, None, None)


def depthwise(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Causal depthwise convolution of ``(batch, time, freq, channels)``.

    Args:
        x: Input.
        weight: ``(frames, bands, channels)``.
        bias: ``(channels,)``.
    """
    return _Depthwise.apply(x, weight, bias)


def norm(
    x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, slope: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """BatchNorm with batch statistics, then PReLU with ``slope`` per channel unless None.

    Returns:
        ``(y, mean, variance)``.
    """
    return _Norm.apply(x, gamma, beta, gamma.new_empty(0) if slope is None else slope)


def gate(x: torch.Tensor) -> torch.Tensor:
    """Hard-swish of the first half of the channels times the second half."""
    return _Gate.apply(x)


def windows(x: torch.Tensor, kernel: int) -> torch.Tensor:
    """Windows of ``kernel`` bands at every second band, ``(batch, time, freq / 2, kernel * c)``."""
    return _Windows.apply(x, kernel)


def positive(x: torch.Tensor) -> torch.Tensor:
    """``elu(x) + 1``."""
    return _Positive.apply(x)


def summary(
    key: torch.Tensor, value: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sums up each frame: mean over bands of ``kᵀ v`` (rotated keys), of keys and of values."""
    return _Summary.apply(key, value, cos, sin)


def attend(
    query: torch.Tensor,
    kv: torch.Tensor,
    k_mean: torch.Tensor,
    v_mean: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    scale: float,
    floor: float,
) -> torch.Tensor:
    """MALA of each token with the mean summaries of its frame's window."""
    return _Attend.apply(query, kv, k_mean, v_mean, cos, sin, scale, floor)
