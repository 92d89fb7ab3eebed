# Finds TensorFlow Lite Micro in TFLM_DIR and checks that it fits this firmware before anything is
# compiled: headers, operators, library, processor, floating-point ABI, memory model.
#
# TFLM_DIR is a checkout in which the target 'microlite' was built, or a project tree made by
# TFLM's create_tflm_tree.py with the library in it. TFLM_LIBRARY names the library where there are
# several. Sets IMSE_TFLM_LIBRARY, IMSE_TFLM_INCLUDES, IMSE_TFLM_DEFINITIONS and
# IMSE_TFLM_LINK_OPTIONS.
include(${CMAKE_CURRENT_LIST_DIR}/imse_tflm_operators.cmake)

set(TFLM_LIBRARY "$ENV{TFLM_LIBRARY}" CACHE FILEPATH
  "libtensorflow-microlite.a, where TFLM_DIR holds more than one that fits")

# Headers.
if("${TFLM_DIR}" STREQUAL "")
  message(FATAL_ERROR "TFLM_DIR is not set: give the folder of TensorFlow Lite Micro "
    "(-DTFLM_DIR=...), or configure with -DIMSE_RUNTIME=aot")
endif()
set(imse_tflm_micro "${TFLM_DIR}/tensorflow/lite/micro")
foreach(header micro_interpreter.h micro_mutable_op_resolver.h)
  if(NOT EXISTS "${imse_tflm_micro}/${header}")
    message(FATAL_ERROR "TFLM_DIR='${TFLM_DIR}' is not TensorFlow Lite Micro: it has no "
      "tensorflow/lite/micro/${header}")
  endif()
endforeach()
set(IMSE_TFLM_INCLUDES "${TFLM_DIR}")
foreach(part flatbuffers/include gemmlowp ruy)
  set(found "")
  foreach(base tensorflow/lite/micro/tools/make/downloads third_party)
    if("${found}" STREQUAL "" AND EXISTS "${TFLM_DIR}/${base}/${part}")
      set(found "${TFLM_DIR}/${base}/${part}")
    endif()
  endforeach()
  if("${found}" STREQUAL "")
    message(FATAL_ERROR "TFLM_DIR='${TFLM_DIR}' has no ${part}, neither in third_party nor in "
      "tensorflow/lite/micro/tools/make/downloads: build TFLM's target 'microlite', it fetches it")
  endif()
  list(APPEND IMSE_TFLM_INCLUDES "${found}")
endforeach()

# Operators: name of the resolver's method, header and function of the int8 registration or '-',
# 'registration' where the method is given a changed one.
file(READ "${imse_tflm_micro}/micro_mutable_op_resolver.h" resolver)
foreach(operator ${IMSE_TFLM_OPERATORS})
  string(REPLACE ":" ";" operator "${operator}")
  list(GET operator 0 method)
  list(GET operator 1 header)
  list(GET operator 2 function)
  list(GET operator 3 changed)
  string(FIND "${resolver}" " ${method}(" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "this version of TensorFlow Lite Micro lacks an operator of the model: "
      "micro_mutable_op_resolver.h in TFLM_DIR='${TFLM_DIR}' has no ${method}(); take a newer one")
  endif()
  string(FIND "${resolver}" " ${method}()" place)
  if(changed STREQUAL "registration" AND NOT place EQUAL -1)
    message(FATAL_ERROR "this version of TensorFlow Lite Micro lacks an argument that the model "
      "needs: ${method}() in TFLM_DIR='${TFLM_DIR}' takes no registration; take a newer one")
  endif()
  if(NOT header STREQUAL "-")
    set(text "")
    if(EXISTS "${imse_tflm_micro}/kernels/${header}")
      file(READ "${imse_tflm_micro}/kernels/${header}" text)
    endif()
    string(FIND "${text}" "${function}" place)
    if(place EQUAL -1)
      message(FATAL_ERROR "this version of TensorFlow Lite Micro lacks a registration of the "
        "model's: kernels/${header} in TFLM_DIR='${TFLM_DIR}' has no ${function}(); take a newer "
        "one")
    endif()
  endif()
endforeach()

# Library: what it was built for is compared with what the compiler makes for this firmware.
function(imse_tflm_abi file result)
  execute_process(COMMAND ${CMAKE_READELF} -A ${file}
    OUTPUT_VARIABLE attributes ERROR_QUIET RESULT_VARIABLE status)
  string(REGEX MATCHALL "Tag_CPU_arch: [^\n]*" processors "${attributes}")
  list(REMOVE_DUPLICATES processors)
  string(REPLACE "Tag_CPU_arch: " "" processors "${processors}")
  set(floats "software floating-point ABI")
  if(attributes MATCHES "Tag_ABI_VFP_args: VFP registers")
    set(floats "hardware floating-point ABI")
  endif()
  if(attributes MATCHES "Tag_ABI_enum_size: int")
    string(APPEND floats ", enumerations as int (-fno-short-enums)")
  endif()
  if(NOT status EQUAL 0 OR "${processors}" STREQUAL "")
    set(${result} "no Arm code" PARENT_SCOPE)
  else()
    set(${result} "${processors}, ${floats}" PARENT_SCOPE)
  endif()
endfunction()

if(NOT "${TFLM_LIBRARY}" STREQUAL "")
  set(candidates "${TFLM_LIBRARY}")
  if(NOT EXISTS "${TFLM_LIBRARY}")
    message(FATAL_ERROR "TFLM_LIBRARY='${TFLM_LIBRARY}' does not exist")
  endif()
else()
  file(GLOB candidates
    "${TFLM_DIR}/libtensorflow-microlite.a"
    "${TFLM_DIR}/lib/libtensorflow-microlite.a"
    "${TFLM_DIR}/gen/*/lib/libtensorflow-microlite.a")
  if("${candidates}" STREQUAL "")
    message(FATAL_ERROR "TFLM_DIR='${TFLM_DIR}' has no libtensorflow-microlite.a, neither itself "
      "nor in lib or gen/*/lib: build TFLM's target 'microlite', or give TFLM_LIBRARY")
  endif()
endif()
set(probe "${CMAKE_CURRENT_BINARY_DIR}/imse_tflm_abi")
file(WRITE "${probe}.c" "typedef int unused;\n")
execute_process(COMMAND ${CMAKE_C_COMPILER} ${IMSE_CPU_FLAGS} -c "${probe}.c" -o "${probe}.o"
  COMMAND_ERROR_IS_FATAL ANY)
imse_tflm_abi("${probe}.o" wanted)
set(fitting "")
set(others "")
foreach(candidate ${candidates})
  imse_tflm_abi("${candidate}" abi)
  if(abi STREQUAL wanted)
    list(APPEND fitting "${candidate}")
  else()
    list(APPEND others "${candidate} (${abi})")
  endif()
endforeach()
list(LENGTH fitting count)
if(count EQUAL 0)
  string(REPLACE ";" ", " others "${others}")
  message(FATAL_ERROR "the library of TensorFlow Lite Micro was built for another processor or "
    "ABI: this firmware needs ${wanted}, found ${others}")
elseif(count GREATER 1)
  string(REPLACE ";" ", " fitting "${fitting}")
  message(FATAL_ERROR "several libraries of TensorFlow Lite Micro fit: ${fitting}; choose one "
    "with TFLM_LIBRARY")
endif()
set(IMSE_TFLM_LIBRARY "${fitting}")

# Structures are smaller with TF_LITE_STATIC_MEMORY; a library without it reads ours wrongly.
execute_process(COMMAND ${CMAKE_NM} --defined-only -g "${IMSE_TFLM_LIBRARY}"
  OUTPUT_VARIABLE symbols ERROR_QUIET)
if(NOT symbols MATCHES "MicroInterpreter")
  message(FATAL_ERROR "${IMSE_TFLM_LIBRARY} is not TensorFlow Lite Micro: it has no "
    "MicroInterpreter")
endif()
if(symbols MATCHES " T TfLiteIntArrayCreate\n")
  message(FATAL_ERROR "${IMSE_TFLM_LIBRARY} was built without TF_LITE_STATIC_MEMORY: build it with "
    "BUILD_TYPE=release")
endif()

# Headers and library of different versions: structures may differ, and the linker's words are worse.
foreach(operator ${IMSE_TFLM_OPERATORS})
  string(REPLACE ":" ";" operator "${operator}")
  list(GET operator 2 function)
  string(REGEX REPLACE "_INT8$" "" function "${function}")
  if(NOT function STREQUAL "-" AND NOT symbols MATCHES "${function}")
    message(FATAL_ERROR "${IMSE_TFLM_LIBRARY} and the headers in TFLM_DIR='${TFLM_DIR}' are of "
      "different versions: the library has no ${function}; build it from the same sources")
  endif()
endforeach()
if(NOT symbols MATCHES " T arm_convolve_s8")
  message(WARNING "${IMSE_TFLM_LIBRARY} was built without CMSIS-NN: its kernels are several times "
    "slower; build it with OPTIMIZED_KERNEL_DIR=cmsis_nn")
endif()

# The headers must see what the library was built with: a release build has no messages, and the
# int8 registrations are the full ones unless the library has kernels of their own for them.
set(IMSE_TFLM_DEFINITIONS TF_LITE_STATIC_MEMORY NDEBUG)
if(symbols MATCHES " T [^\n]*Register_CONV_2D_INT8")
  list(APPEND IMSE_TFLM_DEFINITIONS CMSIS_NN)
endif()
# Factors of matrix products as the interpreter computes them: imse_tflm_scales.cc.
set(IMSE_TFLM_LINK_OPTIONS "")
set(name
  _ZN6tflite32GetQuantizedConvolutionMultiplerEP13TfLiteContextPK12TfLiteTensorS4_PS2_Pd)
if(symbols MATCHES " T ${name}\n")
  list(APPEND IMSE_TFLM_LINK_OPTIONS "-Wl,--wrap=${name}")
endif()
# Arm's convolution with Helium needs help in one case: imse_cmsis_nn.c.
execute_process(COMMAND ${CMAKE_READELF} -A "${probe}.o" OUTPUT_VARIABLE attributes ERROR_QUIET)
if(attributes MATCHES "Tag_MVE_arch" AND symbols MATCHES " T arm_convolve_wrapper_s8\n")
  set(found "")
  foreach(base tensorflow/lite/micro/tools/make/downloads third_party)
    if("${found}" STREQUAL "" AND EXISTS "${TFLM_DIR}/${base}/cmsis_nn/Include")
      set(found "${TFLM_DIR}/${base}/cmsis_nn/Include")
    endif()
  endforeach()
  if("${found}" STREQUAL "")
    message(FATAL_ERROR "TFLM_DIR='${TFLM_DIR}' has no cmsis_nn/Include, neither in third_party nor "
      "in tensorflow/lite/micro/tools/make/downloads: build TFLM's target 'microlite', it fetches it")
  endif()
  list(APPEND IMSE_TFLM_INCLUDES "${found}")
  list(APPEND IMSE_TFLM_DEFINITIONS CMSIS_NN)
  list(REMOVE_DUPLICATES IMSE_TFLM_DEFINITIONS)
  list(APPEND IMSE_TFLM_LINK_OPTIONS -Wl,--wrap=arm_convolve_wrapper_s8
    -Wl,--wrap=arm_convolve_wrapper_s8_get_buffer_size)
endif()
if(NOT symbols MATCHES " T [^\n]*MicroPrintf")
  list(APPEND IMSE_TFLM_DEFINITIONS TF_LITE_STRIP_ERROR_STRINGS)
endif()
