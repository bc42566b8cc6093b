"""Small widgets, one concern a file."""
