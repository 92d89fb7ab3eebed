// Operators that say when they are done, for networks that work on a whole segment: the interpreter
// calls an operator through its registration, so no profiler has to be in the library.
#ifndef IMSE_TFLM_PROGRESS_H
#define IMSE_TFLM_PROGRESS_H

#include "tensorflow/lite/micro/micro_common.h"

// Counts an operator of the running Invoke() and tells the application.
void imse_tflm_operator_done();

// One variable and one function per kind of operator: a kernel is called with nothing that would
// tell which registration it was called through.
template <int kKind>
TfLiteStatus (*imse_tflm_kernel)(TfLiteContext *context, TfLiteNode *node) = nullptr;

template <int kKind>
TfLiteStatus imse_tflm_run(TfLiteContext *context, TfLiteNode *node) {
  const TfLiteStatus status = imse_tflm_kernel<kKind>(context, node);
  imse_tflm_operator_done();
  return status;
}

// The registration of an operator, changed to say when it is done; a number of its own per kind.
template <int kKind>
TFLMRegistration imse_tflm_reporting(TFLMRegistration registration) {
  imse_tflm_kernel<kKind> = registration.invoke;
  registration.invoke = imse_tflm_run<kKind>;
  return registration;
}

#endif
