"""The judge: from a certified gradient, its noise scale and what a framework answered, to a verdict. No
I/O, no framework.
"""
