"""Wrong or imprecise, proved: a framework's own derivative, read as a Program, beside the reference's."""
