#include "imse_dwconv4_s8_mve.h"

#include "imse_dwconv4_core_mve.h"

IMSE_DWCONV_KERNEL(imse_dwconv8_s8_mve, IMSE_CHANNEL_8)
