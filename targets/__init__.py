"""Boards and microcontrollers as data, and the ways to reach them.

* :mod:`targets.model` and :mod:`targets.loader`: what a target is, read from TOML.
* :mod:`targets.protocol` and :mod:`targets.link`: the host side of the firmware's UART protocol.
* :mod:`targets.emulators`: machines that run the built image without a board.
* :mod:`targets.runners`: tools that program a board.
"""
