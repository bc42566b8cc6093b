"""CNN Studio: understand, train and fine-tune convolutional networks on your own images."""

__version__ = "0.1.0"
