"""The language of BerkeleyGW: decks of its programs, the files they write, and pw2bgw.x, which makes their input.

pw2bgw.x of QE 6.7 was run; **no program of BerkeleyGW was**: there is no binary to install. Decks and files follow the
manual of BerkeleyGW 3/4 (``documentation/input_files/*.inp``) and the layouts of its published example outputs. What is
marked "untested on the real program" has never met one.
"""
