def as_svg(d):
    return ""
