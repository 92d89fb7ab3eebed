// Versions such as 90b983c2 compute the factor of a reciprocal root from a root in single precision.
// The interpreter that this firmware is compared with takes it in double precision, and one int16
// result in some hundred tells the two apart. The library computes the factor inside the kernel,
// where the linker cannot reach it (unlike imse_tflm_scales.cc), but a kernel is called through its
// registration: what its preparation left is corrected right behind it.
#include "imse_tflm_rsqrt.h"

#include <cmath>

#include <stdint.h>

#include "tensorflow/lite/kernels/internal/quantization_util.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"

namespace {

// What the kernel's record begins with.
struct Factor {
  int32_t multiplier;
  int shift;
};

TfLiteStatus (*library_prepare)(TfLiteContext *context, TfLiteNode *node) = nullptr;

Factor factor_of(double value) {
  Factor factor;
  tflite::QuantizeMultiplier(value, &factor.multiplier, &factor.shift);
  return factor;
}

TfLiteStatus prepare(TfLiteContext *context, TfLiteNode *node) {
  const TfLiteStatus status = library_prepare(context, node);
  if (status != kTfLiteOk || node->user_data == nullptr) {
    return status;
  }
  tflite::MicroContext *micro = tflite::GetMicroContext(context);
  TfLiteTensor *input = micro->AllocateTempInputTensor(node, 0);
  TfLiteTensor *output = micro->AllocateTempOutputTensor(node, 0);
  if (input == nullptr || output == nullptr) {
    return kTfLiteError;
  }
  const float from = input->params.scale;
  const float to = output->params.scale;
  micro->DeallocateTempTfLiteTensor(output);
  micro->DeallocateTempTfLiteTensor(input);
  const Factor single = factor_of(1.0 / static_cast<double>(std::sqrt(from) * to));
  Factor *kept = static_cast<Factor *>(node->user_data);
  // Anything else is another version's record, or a factor that is right already.
  if (kept->multiplier == single.multiplier && kept->shift == single.shift) {
    *kept = factor_of(1.0 / (std::sqrt(static_cast<double>(from)) * static_cast<double>(to)));
  }
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration imse_tflm_rsqrt(TFLMRegistration registration) {
  library_prepare = registration.prepare;
  registration.prepare = prepare;
  return registration;
}
