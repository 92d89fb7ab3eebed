"""Graph rewrites of the float model, each exact in real arithmetic, one per file."""
