"""From a folder on disk to pixels in memory."""
