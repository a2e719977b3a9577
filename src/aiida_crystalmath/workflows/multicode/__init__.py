"""Chains over several codes: hand-offs from one to the next, and the work chain that carries a plan of them out."""
