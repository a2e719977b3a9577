"""``python -m aiida_crystalmath``: the command, also where its folder is not on PATH."""

from aiida_crystalmath.cli import main

if __name__ == '__main__':
    main(prog_name='crystalmath')
