"""The language of Quantum ESPRESSO's small programs: namelists in, what they print out. Never imports AiiDA."""
