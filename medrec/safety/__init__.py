"""The room ``safety``."""
