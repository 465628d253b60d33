"""The room ``decision``."""
