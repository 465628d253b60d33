"""The room ``metrics``."""
