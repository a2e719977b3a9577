"""Protocols: tested sets of inputs by name, and the mixin that turns them into builders."""
