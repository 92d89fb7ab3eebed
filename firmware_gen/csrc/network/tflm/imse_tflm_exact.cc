// Versions such as 90b983c2 compute the factors of reciprocal roots and of differences from scales
// in single precision. The interpreter that this firmware is compared with has them in double
// precision, and one int16 result in some hundred or thousand tells the two apart. The library
// computes them where the linker cannot reach it (unlike those of imse_tflm_scales.cc), but kernels
// are called through their registrations: what a preparation left is corrected right behind it.
#include "imse_tflm_exact.h"

#include <algorithm>
#include <cmath>

#include <stdint.h>

#include "tensorflow/lite/kernels/internal/quantization_util.h"
#include "tensorflow/lite/micro/kernels/kernel_util.h"
#include "tensorflow/lite/micro/kernels/sub.h"

namespace {

using Prepare = TfLiteStatus (*)(TfLiteContext *context, TfLiteNode *node);

Prepare prepare_rsqrt = nullptr;
Prepare prepare_sub = nullptr;

// Scale of an input, or of the output where `index` is negative; 0 if there is none to be had.
float scale_of(TfLiteContext *context, const TfLiteNode *node, int index) {
  tflite::MicroContext *micro = tflite::GetMicroContext(context);
  TfLiteTensor *tensor = index < 0 ? micro->AllocateTempOutputTensor(node, 0)
                                   : micro->AllocateTempInputTensor(node, index);
  if (tensor == nullptr) {
    return 0.0f;
  }
  const float scale = tensor->params.scale;
  micro->DeallocateTempTfLiteTensor(tensor);
  return scale;
}

// What the record of RSQRT's kernel begins with; no header has it.
struct Factor {
  int32_t multiplier;
  int shift;
};

Factor factor_of(double value) {
  Factor factor;
  tflite::QuantizeMultiplier(value, &factor.multiplier, &factor.shift);
  return factor;
}

TfLiteStatus prepare_exact_rsqrt(TfLiteContext *context, TfLiteNode *node) {
  const TfLiteStatus status = prepare_rsqrt(context, node);
  const float from = scale_of(context, node, 0);
  const float to = scale_of(context, node, -1);
  if (status != kTfLiteOk || node->user_data == nullptr || !(from > 0.0f && to > 0.0f)) {
    return status;
  }
  const Factor single = factor_of(1.0 / static_cast<double>(std::sqrt(from) * to));
  Factor *kept = static_cast<Factor *>(node->user_data);
  // Anything else is another version's record, or a factor that is right already.
  if (kept->multiplier == single.multiplier && kept->shift == single.shift) {
    *kept = factor_of(1.0 / (std::sqrt(static_cast<double>(from)) * static_cast<double>(to)));
  }
  return kTfLiteOk;
}

TfLiteStatus prepare_exact_sub(TfLiteContext *context, TfLiteNode *node) {
  const TfLiteStatus status = prepare_sub(context, node);
  const double a = scale_of(context, node, 0);
  const double b = scale_of(context, node, 1);
  const double y = scale_of(context, node, -1);
  if (status != kTfLiteOk || node->user_data == nullptr || !(a > 0.0 && b > 0.0 && y > 0.0)) {
    return status;
  }
  tflite::OpDataSub *data = static_cast<tflite::OpDataSub *>(node->user_data);
  const double twice = 2.0 * std::max(a, b);
  tflite::QuantizeMultiplierSmallerThanOneExp(a / twice, &data->input1_multiplier,
                                              &data->input1_shift);
  tflite::QuantizeMultiplierSmallerThanOneExp(b / twice, &data->input2_multiplier,
                                              &data->input2_shift);
  tflite::QuantizeMultiplierSmallerThanOneExp(twice / ((1 << data->left_shift) * y),
                                              &data->output_multiplier, &data->output_shift);
  return kTfLiteOk;
}

}  // namespace

TFLMRegistration imse_tflm_exact_rsqrt(TFLMRegistration registration) {
  prepare_rsqrt = registration.prepare;
  registration.prepare = prepare_exact_rsqrt;
  return registration;
}

TFLMRegistration imse_tflm_exact_sub(TFLMRegistration registration) {
  prepare_sub = registration.prepare;
  registration.prepare = prepare_exact_sub;
  return registration;
}
