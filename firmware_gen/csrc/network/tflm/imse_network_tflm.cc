// The network executed by the TensorFlow Lite Micro interpreter.
//
// State is explicit: what the interpreter returned as next state is kept here and given back with
// the next frame, because the interpreter may reuse the memory of its inputs and outputs.
#include <new>

#include <stdarg.h>
#include <string.h>

#include "imse_model_config.h"
#include "imse_op_resolver.h"
#include "imse_tflm_model.h"
#include "model_data.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

#if IMSE_SEGMENT_FRAMES
#include "imse_tflm_progress.h"
#endif

extern "C" {
#include "imse_network.h"
#if IMSE_SEGMENT_FRAMES
#include "imse_network_progress.h"
#endif

extern const char imse_network_runtime[];
const char imse_network_runtime[] = "tflm";

// Symbols that tools account memory by.
alignas(16) uint8_t imse_arena[IMSE_TFLM_ARENA_BYTES] __attribute__((section(".bss.imse_arena")));
alignas(16) int8_t imse_state[IMSE_TFLM_STATE_BYTES] __attribute__((section(".bss.imse_state")));

// What became of the preparation; the tool asks for it, and sizes the arena by it.
static imse_network_status_t status = {IMSE_NETWORK_NOT_PREPARED, sizeof imse_arena, 0, nullptr};

void imse_network_status(imse_network_status_t *out) { *out = status; }

// The library's port for messages, in C linkage as it asks. Formats are kept, not printed.
void DebugLog(const char *format, va_list args);
__attribute__((weak)) void DebugLog(const char *format, va_list args) {
  (void)args;
  if (status.message == nullptr) {
    status.message = format;
  }
}

// The library aborts on what its authors hold impossible. Here that is a fault, which the firmware
// reports; the C library's own way needs signals and a heap.
[[noreturn]] void abort(void) { __builtin_trap(); }
[[noreturn]] void __cxa_pure_virtual(void) { __builtin_trap(); }
}

// Objects of the library lie in the arena and are never deleted, but their classes refer to this.
void operator delete(void *) noexcept { __builtin_trap(); }
void operator delete(void *, size_t) noexcept { __builtin_trap(); }

namespace {

alignas(ImseOpResolver) uint8_t resolver_storage[sizeof(ImseOpResolver)];
alignas(tflite::MicroInterpreter) uint8_t interpreter_storage[sizeof(tflite::MicroInterpreter)];
tflite::MicroInterpreter *interpreter = nullptr;

bool has_bytes(const TfLiteTensor *tensor, size_t bytes) {
  return tensor != nullptr && tensor->bytes == bytes;
}

bool shapes_are_as_generated() {
  if (!has_bytes(interpreter->input(IMSE_TFLM_FEATURES_INPUT), IMSE_FEATURE_BYTES) ||
      !has_bytes(interpreter->output(IMSE_TFLM_MASK_OUTPUT), IMSE_MASK_BYTES) ||
      !has_bytes(interpreter->output(IMSE_TFLM_PHASE_OUTPUT), IMSE_PHASE_BYTES)) {
    return false;
  }
  for (const ImseTflmState &state : imse_tflm_states) {
    if (!has_bytes(interpreter->input(state.input), state.bytes) ||
        !has_bytes(interpreter->output(state.output), state.bytes)) {
      return false;
    }
  }
  return true;
}

imse_network_state_t prepare() {
  const tflite::Model *model = tflite::GetModel(imse_model_data);
  if (model->version() != TFLITE_SCHEMA_VERSION) {
    return IMSE_NETWORK_WRONG_SCHEMA;
  }
  ImseOpResolver *resolver = new (resolver_storage) ImseOpResolver;
  if (imse_register_ops(*resolver) != kTfLiteOk) {
    return IMSE_NETWORK_REGISTRATION_FAILED;
  }
  interpreter = new (interpreter_storage)
      tflite::MicroInterpreter(model, *resolver, imse_arena, sizeof(imse_arena));
  if (interpreter->AllocateTensors() != kTfLiteOk) {
    return IMSE_NETWORK_ALLOCATION_FAILED;
  }
  status.arena_used_bytes = static_cast<uint32_t>(interpreter->arena_used_bytes());
  return shapes_are_as_generated() ? IMSE_NETWORK_READY : IMSE_NETWORK_WRONG_SHAPES;
}

#if IMSE_SEGMENT_FRAMES
uint32_t operators_done = 0;
#endif

}  // namespace

#if IMSE_SEGMENT_FRAMES
void imse_tflm_operator_done() { imse_network_progress(++operators_done, IMSE_TFLM_OPERATORS); }
#endif

// The model is prepared here and not with the first frame, which must not take longer than others.
// A failed preparation is not tried again: the same arena and model fail the same way.
extern "C" void imse_network_reset(void) {
  if (status.state == IMSE_NETWORK_NOT_PREPARED) {
    status.state = prepare();
  }
  if (status.state == IMSE_NETWORK_INVOKE_FAILED) {
    status.state = IMSE_NETWORK_READY;
  }
  for (const ImseTflmState &state : imse_tflm_states) {
    int8_t *row = imse_state + state.offset;
    if (state.initial == nullptr) {
      memset(row, state.zero_point, state.bytes);
      continue;
    }
    for (size_t done = 0; done < state.bytes; done += state.row_bytes) {
      memcpy(row + done, state.initial, state.row_bytes);
    }
  }
}

extern "C" int imse_network_invoke(const int8_t *features, int8_t *mask, int8_t *phase) {
  if (status.state != IMSE_NETWORK_READY) {
    return 1;
  }
  memcpy(interpreter->input(IMSE_TFLM_FEATURES_INPUT)->data.raw, features, IMSE_FEATURE_BYTES);
  for (const ImseTflmState &state : imse_tflm_states) {
    memcpy(interpreter->input(state.input)->data.raw, imse_state + state.offset, state.bytes);
  }
#if IMSE_SEGMENT_FRAMES
  operators_done = 0;
#endif
  if (interpreter->Invoke() != kTfLiteOk) {
    status.state = IMSE_NETWORK_INVOKE_FAILED;
    return 2;
  }
  for (const ImseTflmState &state : imse_tflm_states) {
    memcpy(imse_state + state.offset, interpreter->output(state.output)->data.raw, state.bytes);
  }
  memcpy(mask, interpreter->output(IMSE_TFLM_MASK_OUTPUT)->data.raw, IMSE_MASK_BYTES);
  memcpy(phase, interpreter->output(IMSE_TFLM_PHASE_OUTPUT)->data.raw, IMSE_PHASE_BYTES);
  return 0;
}
