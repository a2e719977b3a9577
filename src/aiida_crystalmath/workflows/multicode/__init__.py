"""Work chains across codes: CRYSTAL, Quantum ESPRESSO, Yambo, Wannier90."""
