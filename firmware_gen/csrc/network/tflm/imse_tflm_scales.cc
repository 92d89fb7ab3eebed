// In place of the library's function for the factor of a matrix product, which versions such as
// 90b983c2 compute from the product of two scales in single precision. The interpreter that this
// firmware is compared with multiplies them in double precision, and one result in some ten
// thousands tells the two apart. The linker takes this one: --wrap, see imse_tflm.cmake.
#include "tensorflow/lite/c/common.h"

extern "C" TfLiteStatus
__wrap__ZN6tflite32GetQuantizedConvolutionMultiplerEP13TfLiteContextPK12TfLiteTensorS4_PS2_Pd(
    TfLiteContext *context, const TfLiteTensor *input, const TfLiteTensor *filter,
    TfLiteTensor *output, double *multiplier);

extern "C" TfLiteStatus
__wrap__ZN6tflite32GetQuantizedConvolutionMultiplerEP13TfLiteContextPK12TfLiteTensorS4_PS2_Pd(
    TfLiteContext *, const TfLiteTensor *input, const TfLiteTensor *filter, TfLiteTensor *output,
    double *multiplier) {
  const double product =
      static_cast<double>(input->params.scale) * static_cast<double>(filter->params.scale);
  if (!(product >= 0.0)) {
    return kTfLiteError;
  }
  *multiplier = product / static_cast<double>(output->params.scale);
  return kTfLiteOk;
}
