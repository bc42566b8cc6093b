"""The drawn network without Qt: what belongs together, and where everything lies."""
