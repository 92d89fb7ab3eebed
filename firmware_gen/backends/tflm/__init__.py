"""TensorFlow Lite Micro runtime: model as a C array, resolver with the used operators, runner.

TensorFlow Lite Micro itself is not part of the project; the build finds it in ``TFLM_DIR``.
"""
