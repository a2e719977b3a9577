"""CRYSTAL input decks (d12 and d3) as typed models."""
