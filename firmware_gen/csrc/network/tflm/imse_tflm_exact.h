// The operator RSQRT with its factor in double precision, see imse_tflm_rsqrt.cc.
#ifndef IMSE_TFLM_RSQRT_H
#define IMSE_TFLM_RSQRT_H

#include "tensorflow/lite/micro/micro_common.h"

// The registration of RSQRT, changed to correct the factor that the library prepares.
TFLMRegistration imse_tflm_rsqrt(TFLMRegistration registration);

#endif
