"""The configuration that the arguments of a command ask for."""

import argparse

from cnnstudio.core.config import Config, load_config


def settings_of(options: argparse.Namespace) -> Config:
    """Return the settings of the file, if there is one, with those that are changed one by one."""
    overrides = list(options.overrides)
    config = load_config(getattr(options, "config", None), overrides)
    if getattr(options, "data", None):
        config = config.replace("data.folder", options.data)
    return config
