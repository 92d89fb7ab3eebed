#include "imse_cmsis_nn.h"

int imse_cmsis_nn_status;

void imse_cmsis_nn_check(int status) {
  if (status != ARM_CMSIS_NN_SUCCESS && imse_cmsis_nn_status == 0) {
    imse_cmsis_nn_status = status;
  }
}
