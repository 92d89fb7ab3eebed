/*
 * Around Arm's 8-bit convolution where it is wrong: with Helium, a filter of one row that moves by
 * more than one column and hangs over the right border by more than one takes, for its last output,
 * bytes behind the input's row instead of padding (CMSIS-NN 4ab83cc3, arm_convolve_1_x_n_s8). Arm's
 * general convolution is right there, so it is called for those. The linker puts these functions
 * around Arm's: --wrap, see imse_tflm.cmake.
 */
#if defined(CMSIS_NN) && defined(__ARM_FEATURE_MVE)
#include "arm_nnfunctions.h"

arm_cmsis_nn_status __real_arm_convolve_wrapper_s8(
    const cmsis_nn_context *context, const cmsis_nn_conv_params *params,
    const cmsis_nn_per_channel_quant_params *quant, const cmsis_nn_dims *input_dims,
    const int8_t *input, const cmsis_nn_dims *filter_dims, const int8_t *filter,
    const cmsis_nn_dims *bias_dims, const int32_t *bias, const cmsis_nn_dims *output_dims,
    int8_t *output);
arm_cmsis_nn_status __wrap_arm_convolve_wrapper_s8(
    const cmsis_nn_context *context, const cmsis_nn_conv_params *params,
    const cmsis_nn_per_channel_quant_params *quant, const cmsis_nn_dims *input_dims,
    const int8_t *input, const cmsis_nn_dims *filter_dims, const int8_t *filter,
    const cmsis_nn_dims *bias_dims, const int32_t *bias, const cmsis_nn_dims *output_dims,
    int8_t *output);
int32_t __real_arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *params,
                                                       const cmsis_nn_dims *input_dims,
                                                       const cmsis_nn_dims *filter_dims,
                                                       const cmsis_nn_dims *output_dims);
int32_t __wrap_arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *params,
                                                       const cmsis_nn_dims *input_dims,
                                                       const cmsis_nn_dims *filter_dims,
                                                       const cmsis_nn_dims *output_dims);

static int reads_behind_the_row(const cmsis_nn_conv_params *params, const cmsis_nn_dims *input,
                                const cmsis_nn_dims *filter, const cmsis_nn_dims *output) {
    const int32_t right = (output->w - 1) * params->stride.w + filter->w - input->w -
                          params->padding.w;
    return input->h == 1 && filter->h == 1 && params->stride.w > 1 && right > 1;
}

arm_cmsis_nn_status __wrap_arm_convolve_wrapper_s8(
    const cmsis_nn_context *context, const cmsis_nn_conv_params *params,
    const cmsis_nn_per_channel_quant_params *quant, const cmsis_nn_dims *input_dims,
    const int8_t *input, const cmsis_nn_dims *filter_dims, const int8_t *filter,
    const cmsis_nn_dims *bias_dims, const int32_t *bias, const cmsis_nn_dims *output_dims,
    int8_t *output) {
    if (reads_behind_the_row(params, input_dims, filter_dims, output_dims)) {
        return arm_convolve_s8(context, params, quant, input_dims, input, filter_dims, filter,
                               bias_dims, bias, 0, output_dims, output);
    }
    return __real_arm_convolve_wrapper_s8(context, params, quant, input_dims, input, filter_dims,
                                          filter, bias_dims, bias, output_dims, output);
}

int32_t __wrap_arm_convolve_wrapper_s8_get_buffer_size(const cmsis_nn_conv_params *params,
                                                       const cmsis_nn_dims *input_dims,
                                                       const cmsis_nn_dims *filter_dims,
                                                       const cmsis_nn_dims *output_dims) {
    if (reads_behind_the_row(params, input_dims, filter_dims, output_dims)) {
        return arm_convolve_s8_get_buffer_size(input_dims, filter_dims);
    }
    return __real_arm_convolve_wrapper_s8_get_buffer_size(params, input_dims, filter_dims,
                                                          output_dims);
}
#else
typedef int imse_cmsis_nn_needs_nothing_t; /* a file with nothing in it is not C */
#endif
