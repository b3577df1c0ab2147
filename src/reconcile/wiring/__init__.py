"""The composition root: the only place that names implementations. Holds factories, not instances.

Everything is imported inside the factory that needs it, so that a command pays only for what it uses.
"""
