"""Post-training quantization of a calibrated float model to int8, int16 where a recipe says so."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from quantize import constraints
from quantize.calibration import Calibration
from quantize.errors import QuantizeError, RecipeError
from quantize.flatmodel import FlatModel, OpNode, TensorNode
from quantize.grouping import TensorGroups, value_sources
from quantize.quantized_constants import (
    corrected_bias,
    quantize_bias,
    quantize_operand_constant,
    quantize_weights,
)
from quantize.ranges import (
    Quantization,
    int8_from_range,
    int16_from_range,
    least_error_range,
    minmax_range,
    percentile_range,
)
from quantize.recipe import Recipe
from quantize.statistics import TensorStatistics

_INT16_REFINEMENT = 128


def quantize_model(
    model: FlatModel,
    calibration: Calibration,
    recipe: Recipe,
    initial_states: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Quantize a float model in place.

    Args:
        model: Float model read from the flatbuffer that was calibrated (its tensors' ``key`` are
            the indices of the calibration).
        calibration: Statistics of every computed tensor.
        recipe: What to do.
        initial_states: Initial time row per state, which the state's range must hold.

    Raises:
        QuantizeError: An operator has no integer form, or a value is outside its domain.
        RecipeError: The recipe asks for int16 where there is no kernel.
    """
    _Quantizer(model, calibration, recipe, initial_states or {}).run()


class _Quantizer:
    def __init__(
        self,
        model: FlatModel,
        calibration: Calibration,
        recipe: Recipe,
        initial_states: Mapping[str, np.ndarray],
    ) -> None:
        self.model = model
        self.calibration = calibration
        self.recipe = recipe
        self.initial_states = initial_states
        self.producers = model.producers()
        self.groups = TensorGroups(model, recipe.requantize)
        self.parameters: dict[int, Quantization] = {}
        self.casts: dict[tuple[int, Quantization], TensorNode] = {}

    def run(self) -> None:
        self._check_kinds()
        if not self.recipe.shipped:
            self._check_choices()
        wide = self._int16_groups()
        for group, members in self.groups.members().items():
            self.parameters[group] = self._group_parameters(members, group in wide)
        self._check_domains()
        ops: list[OpNode] = []
        for op in self.model.ops:
            ops.extend(self._rewrite(op))
        self.model.ops = ops
        for members in self.groups.members().values():
            for tensor in members:
                _assign(tensor, self._of(tensor))

    def _of(self, tensor: TensorNode) -> Quantization:
        return self.parameters[self.groups.find(tensor)]

    def _check_kinds(self) -> None:
        for op in self.model.ops:
            if op.kind not in constraints.SUPPORTED:
                raise QuantizeError(
                    f"operator {op.name} has no integer form in TensorFlow Lite Micro",
                    hint="replace the layer by one made of supported operators",
                )

    def _check_choices(self) -> None:
        """Refuses rules and selections that choose nothing: a name was mistyped."""
        results = [(op.kind, op.outputs[0].name) for op in self.model.ops]
        inputs = [(constraints.INPUT, name) for name in self.model.inputs]
        choices = {"requantize": results, "int16": results + inputs}
        tensors = [t.name for members in self.groups.members().values() for t in members]
        for key, known in choices.items():
            for selection in getattr(self.recipe, key):
                if not any(selection.matches(*choice) for choice in known):
                    raise RecipeError(
                        f"recipe '{self.recipe.name}': {key} chooses {selection}, "
                        "which no operator of the model is",
                        hint="imse-mcu check --json lists layers by name",
                    )
        for rule in self.recipe.ranges:
            if not any(re.search(rule.name, name) for name in tensors):
                raise RecipeError(
                    f"recipe '{self.recipe.name}': ranges has {rule}, "
                    "which no tensor of the model is",
                    hint="imse-mcu check --json lists layers by name",
                )

    def _int16_groups(self) -> set[int]:
        """Groups of tensors that operators chosen for int16 compute."""
        chosen: set[int] = set()
        for op in self.model.ops:
            if not any(s.matches(op.kind, op.outputs[0].name) for s in self.recipe.int16):
                continue
            if op.kind not in constraints.INT16 | constraints.INT16_COPIES:
                raise RecipeError(
                    f"recipe '{self.recipe.name}' asks for int16 in {op.name}, "
                    f"expected one of {', '.join(sorted(constraints.INT16))}",
                    hint="narrow the selection by kinds",
                )
            chosen.update(self.groups.find(result) for result in op.outputs)
        for name, tensor in self.model.inputs.items():
            if any(s.matches(constraints.INPUT, name) for s in self.recipe.int16):
                chosen.add(self.groups.find(tensor))
        for op in self.model.ops:
            if op.kind in constraints.INT16 | constraints.INT16_COPIES:
                continue
            for result in op.outputs:
                if self.groups.find(result) in chosen:
                    raise RecipeError(
                        f"recipe '{self.recipe.name}' would make the result of {op.name} int16, "
                        "which has no kernel for it",
                        hint="requantize in front of the operator that ties the two together",
                    )
        return chosen

    def _statistics(self, members: list[TensorNode]) -> list[TensorStatistics]:
        """Statistics of everything whose values the members hold."""
        keys: dict[int, None] = {}
        for tensor in members:
            for source in value_sources(self.model, tensor, self.producers):
                keys.setdefault(source.key)
        return [self.calibration[key] for key in keys]

    def _group_parameters(self, members: list[TensorNode], wide: bool) -> Quantization:
        fixed = self._fixed(members, "int16" if wide else "int8")
        if fixed is not None:
            return fixed
        statistics = self._statistics(members)
        low, high = self._chosen_range(members, statistics, 65536 if wide else 256)
        for name, row in self.initial_states.items():
            if any(self.model.inputs.get(name) is tensor for tensor in members):
                low, high = min(low, float(np.min(row))), max(high, float(np.max(row)))
        return int16_from_range(low, high) if wide else int8_from_range(low, high)

    def _fixed(self, members: list[TensorNode], dtype: str) -> Quantization | None:
        found: dict[Quantization, str] = {}
        for tensor in members:
            producer = self.producers.get(id(tensor))
            if producer is None:
                continue
            prescribed = constraints.FIXED_OUTPUT.get((producer.kind, dtype))
            if prescribed is not None:
                found[prescribed] = producer.name
        if len(found) > 1:
            raise QuantizeError(
                f"operators {' and '.join(found.values())} prescribe different scales to tensors "
                "that must share one",
                hint="requantize in front of the operator that ties them together",
            )
        return next(iter(found), None)

    def _chosen_range(
        self, members: list[TensorNode], statistics: list[TensorStatistics], levels: int
    ) -> tuple[float, float]:
        rule = self.recipe.range_rule(tuple(tensor.name for tensor in members))
        if levels > 256:
            low, high = minmax_range(statistics)
            factor = rule.headroom or self.recipe.int16_headroom
            low, high = low * factor, high * factor
        elif rule.method == "minmax":
            low, high = minmax_range(statistics)
        elif rule.method == "percentile":
            low, high = percentile_range(statistics, rule.percentile)
        else:
            low, high = least_error_range(statistics, levels=levels)
        if rule.limit:
            low, high = max(low, -rule.limit), min(high, rule.limit)
        return low, high

    def _check_domains(self) -> None:
        for op in self.model.ops:
            if op.kind not in constraints.NOT_NEGATIVE_INPUT:
                continue
            lowest = min(s.minimum for s in self._statistics([op.operand(0)]))
            if lowest < 0:
                raise QuantizeError(
                    f"operator {op.name} got the negative value {lowest:g} on the calibration set, "
                    "where "
                    "its integer kernel stops",
                    hint="keep the operand positive in the network",
                )

    def _rewrite(self, op: OpNode) -> list[OpNode]:
        """The operator with integer operands, after the requantizations that it needs."""
        output = self._of(op.outputs[0])
        before: list[OpNode] = []
        for position, operand in enumerate(op.inputs):
            if operand is None or operand.dtype != "float32":
                continue
            if operand.is_constant:
                if op.kind not in constraints.WEIGHTED:
                    op.inputs[position] = quantize_operand_constant(
                        operand, output.dtype, op.name, output.scale
                    )
                continue
            wanted = self._wanted(op, operand, output)
            if wanted != self._of(operand):
                op.inputs[position] = self._cast(operand, wanted, before)
        if op.kind in constraints.WEIGHTED:
            self._quantize_weighted(op)
        return [*before, op]

    def _wanted(self, op: OpNode, operand: TensorNode, output: Quantization) -> Quantization:
        """Quantization in which an operator must read an operand."""
        have = self._of(operand)
        if op.kind in constraints.SAME_SCALE:
            return output
        compute = "int8" if op.kind not in constraints.INT16 else output.dtype
        if compute == have.dtype:
            return have
        if compute == "int16":
            # Every int8 step is 128 int16 steps: the cast loses nothing.
            return Quantization("int16", float(np.float32(have.scale / _INT16_REFINEMENT)), 0)
        statistics = self._statistics([operand])
        low, high = self._chosen_range([operand], statistics, 256)
        return int8_from_range(low, high)

    def _cast(self, tensor: TensorNode, wanted: Quantization, before: list[OpNode]) -> TensorNode:
        known = self.casts.get((id(tensor), wanted))
        if known is not None:
            return known
        result = TensorNode(
            f"{tensor.name}/{wanted.dtype}", tensor.shape, "float32", key=tensor.key
        )
        _assign(result, wanted)
        before.append(OpNode("QUANTIZE", [tensor], [result]))
        self.casts[(id(tensor), wanted)] = result
        return result

    def _quantize_weighted(self, op: OpNode) -> None:
        weights, bias, axis = constraints.WEIGHTED[op.kind]
        source = op.operand(0)
        read = self._of(source) if not source.scales else None
        input_scale = source.scales[0] if read is None else read.scale
        wide = (source.dtype if read is None else read.dtype) == "int16"
        quantized = quantize_weights(op, weights, axis, search=self.recipe.weight_search)
        if len(op.inputs) > bias and op.inputs[bias] is not None:
            if self.recipe.bias_correction:
                means = self.calibration[source.key].channel_means
                op.set_constant(bias, corrected_bias(op, quantized, weights, bias, means))
            quantized = quantize_bias(
                op, quantized, weights, bias, input_scale, "int64" if wide else "int32"
            )
        op.inputs[weights] = quantized


def _assign(tensor: TensorNode, quantization: Quantization) -> None:
    tensor.dtype = quantization.dtype
    tensor.scales = (quantization.scale,)
    tensor.zero_points = (quantization.zero_point,)
