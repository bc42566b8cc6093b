"""Hosting a run: mailbox, sinks and run folders. No Qt."""
