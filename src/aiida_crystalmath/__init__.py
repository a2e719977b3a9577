"""AiiDA plugin for the CRYSTAL quantum-chemistry code and what surrounds it."""

__version__ = '0.1.0'
