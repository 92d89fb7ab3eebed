"""Runtimes: each turns a quantized model into the C sources that execute it."""
