"""x"""


def print_growth(*a: object) -> None: ...
