"""Shared vocabulary: configuration, events, control and errors. Neither torch nor Qt."""
