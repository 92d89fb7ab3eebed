/* Steps of a rotation of int16 values. */
#ifndef IMSE_ROTATE_S16_H
#define IMSE_ROTATE_S16_H

/* What a rotation takes besides two products and their sum, added up. */
enum {
  IMSE_ROTATE_AGAIN = 1,  /* the product with the cosine times a constant */
  IMSE_ROTATE_JOINS = 2,  /* the product with the sine in a sum over both kinds of angles */
  IMSE_ROTATE_SWAPPED = 4 /* in the last sum, the product with the cosine has the smaller scale */
};

#endif
