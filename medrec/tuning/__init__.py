"""The room ``tuning``."""
