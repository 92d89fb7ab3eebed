"""Firmware generation: quantized model and target in, CMake project and image out."""
