"""The room ``recommenders``."""
