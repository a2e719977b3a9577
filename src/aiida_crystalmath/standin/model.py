"""What the stand-in computes and what it returns: the seam between physics (engine) and files (writers).

Energies in hartree, lengths in bohr inside the engine's arrays unless a name says otherwise.
"""
