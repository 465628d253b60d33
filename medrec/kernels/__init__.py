"""The room ``kernels``."""
