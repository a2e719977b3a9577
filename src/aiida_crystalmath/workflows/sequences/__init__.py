"""Sequences of work chains: the model of the YAML files, and the ready-made ones."""
