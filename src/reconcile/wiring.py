"""The composition root (being assembled)."""
