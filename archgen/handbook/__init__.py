"""What archgen can say of itself: its ops, its blocks and its specs, on the terminal and as the pages in `docs/`.

Nothing is written here that an op's record or a block's file says already: this room only asks and lays out.
"""
