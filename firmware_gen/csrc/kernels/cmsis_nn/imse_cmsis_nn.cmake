# Compiles Arm's CMSIS-NN from CMSIS_NN_DIR: a checkout, or the pack's folder, with Include and
# Source. Versions up to 4 take cmsis_compiler.h from CMSIS-Core: CMSIS_CORE_DIR is the folder of
# that header, where it does not lie next to CMSIS-NN. Defines the library imse_cmsis_nn.
set(CMSIS_CORE_DIR "$ENV{CMSIS_CORE_DIR}" CACHE PATH "Folder of cmsis_compiler.h")

if("${CMSIS_NN_DIR}" STREQUAL "")
  message(FATAL_ERROR "CMSIS_NN_DIR is not set: give the folder of Arm's CMSIS-NN "
    "(-DCMSIS_NN_DIR=...), or generate the firmware with other kernels")
endif()
if(NOT EXISTS "${CMSIS_NN_DIR}/Include/arm_nnfunctions.h")
  message(FATAL_ERROR "CMSIS_NN_DIR='${CMSIS_NN_DIR}' is not CMSIS-NN: it has no "
    "Include/arm_nnfunctions.h")
endif()

set(imse_cmsis_nn_includes "${CMSIS_NN_DIR}" "${CMSIS_NN_DIR}/Include")
if(NOT EXISTS "${CMSIS_NN_DIR}/Include/Internal/arm_nn_compiler.h")
  set(found "")
  foreach(folder "${CMSIS_CORE_DIR}" "${CMSIS_NN_DIR}/../cmsis_core/Include"
      "${CMSIS_NN_DIR}/../Core/Include" "${CMSIS_NN_DIR}/../CMSIS/Core/Include")
    if("${found}" STREQUAL "" AND EXISTS "${folder}/cmsis_compiler.h")
      set(found "${folder}")
    endif()
  endforeach()
  if("${found}" STREQUAL "")
    message(FATAL_ERROR "CMSIS_NN_DIR='${CMSIS_NN_DIR}' is a version that needs CMSIS-Core, and "
      "cmsis_compiler.h is not next to it: set CMSIS_CORE_DIR to the folder of that header")
  endif()
  list(APPEND imse_cmsis_nn_includes "${found}")
endif()

set(sources "")
foreach(part ActivationFunctions BasicMathFunctions ConcatenationFunctions ConvolutionFunctions
    FullyConnectedFunctions NNSupportFunctions PadFunctions PoolingFunctions ReshapeFunctions
    TransposeFunctions)
  file(GLOB found "${CMSIS_NN_DIR}/Source/${part}/*.c")
  list(FILTER found EXCLUDE REGEX "_f16|_f32|_flt")
  list(APPEND sources ${found})
endforeach()
add_library(imse_cmsis_nn STATIC ${sources})
target_include_directories(imse_cmsis_nn SYSTEM PUBLIC ${imse_cmsis_nn_includes})
target_compile_options(imse_cmsis_nn PRIVATE
  ${IMSE_CPU_FLAGS} -O3 -w -ffunction-sections -fdata-sections -fno-common
  "-ffile-prefix-map=${CMSIS_NN_DIR}=cmsis_nn")
