"""Training of the streaming network: data, losses, loop."""
