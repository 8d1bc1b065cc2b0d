"""The releases' decoding loops, written anew and small, to measure ours against on the same weights.

Each file names what it was learnt from. A loop does the work of its release, in its order and its precision: logits of
every position, softmax in float64, whole attention maps, a batch that goes on until its last row is done. What the
release's own model class does beside, and what is left out, its docstring says. A benchmark compares tokens, too.
"""
