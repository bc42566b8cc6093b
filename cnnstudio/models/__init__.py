"""The networks: torch.nn modules with switches, and what is known about them."""
