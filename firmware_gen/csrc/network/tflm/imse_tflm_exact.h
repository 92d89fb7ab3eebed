// Operators with their factors in double precision, see imse_tflm_exact.cc.
#ifndef IMSE_TFLM_EXACT_H
#define IMSE_TFLM_EXACT_H

#include "tensorflow/lite/micro/micro_common.h"

// The registrations of RSQRT and SUB, changed to correct the factors that the library prepares.
TFLMRegistration imse_tflm_exact_rsqrt(TFLMRegistration registration);
TFLMRegistration imse_tflm_exact_sub(TFLMRegistration registration);

#endif
