"""Parameters of the recorded calculations with Yambo that ``yambo_replay.py`` plays; any others it refuses."""

from __future__ import annotations

GW_SIZES = {'exchange_cutoff_ry': 12, 'screening_bands': 30, 'response_block_ry': 2}
BSE_SIZES = {'exchange_cutoff_ry': 8, 'screened_cutoff_ry': 2, 'screening_bands': 30, 'response_block_ry': 2}
AROUND_GAP = {'valence_bands': 3, 'conduction_bands': 3}
"""Bands 2 to 7 of silicon, as the chains that begin with a structure count them."""

G0W0 = {'kind': 'g0w0_ppa', **GW_SIZES, 'qp_kpoints': [1, 8], 'qp_bands': [2, 7]}
GAP_G0W0 = {'kind': 'g0w0_ppa', **GW_SIZES, **AROUND_GAP}
BSE = {'kind': 'bse', 'bands': [2, 7], **BSE_SIZES, 'write_wavefunctions': True}
GAP_BSE = {'kind': 'bse', **AROUND_GAP, **BSE_SIZES, 'write_wavefunctions': True}

MGO_G0W0 = {**G0W0, 'exchange_cutoff_ry': 30, 'screening_bands': 40, 'response_block_ry': 4}
MGO_G0W0 |= {'qp_kpoints': [1, 1], 'qp_bands': [7, 10]}

TOO_BIG_BSE = {**BSE, 'bands': [1, 30], 'screened_cutoff_ry': 12, 'response_block_ry': 12}
"""What ended for want of memory."""
