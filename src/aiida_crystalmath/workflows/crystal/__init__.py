"""Work chains of the CRYSTAL code."""
