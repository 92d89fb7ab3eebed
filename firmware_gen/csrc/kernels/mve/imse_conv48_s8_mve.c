#include "imse_conv_s8_mve.h"

#include "imse_conv_core_mve.h"

IMSE_CONV_KERNEL(imse_conv48_s8_mve,
                 IMSE_FOUR_PIXELS(IMSE_SUMS_48, IMSE_NO_PAIR, ""))
IMSE_CONV_KERNEL(imse_conv48_table_s8_mve,
                 IMSE_FOUR_PIXELS(IMSE_SUMS_48, IMSE_NO_PAIR, IMSE_LOOK_UP_ALL))
IMSE_CONV_KERNEL(imse_conv48_tables_s8_mve,
                 IMSE_FOUR_PIXELS(IMSE_SUMS_48, IMSE_LOOK_UP_PAIR, ""))
