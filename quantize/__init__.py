"""Post-training quantization of IMSE networks to integer-only TensorFlow Lite models."""
