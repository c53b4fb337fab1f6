"""Every claim of the text this project grew from, run and judged: `tinygram reproduce`.

A row is a claim in our words, the assumptions it needs, an experiment, and a verdict. Values the text lost stay open.
"""
