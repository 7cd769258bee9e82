"""Which images train, and which are kept for testing."""


def train_count(count: int) -> int:
    """How many of `count` images train: all but the last fifth, and at least one is for testing."""
    return count - max(1, count // 5)


def cut(stack, split: str):
    """The part of a `Stack` that a split names, by order."""
    if split == "all":
        return stack
    if len(stack) == 1:
        raise ValueError(
            f"{stack.name}: one image can't be cut into train and test; "
            "use split='all', or add a second image"
        )
    n = train_count(len(stack))
    return stack[:n] if split == "train" else stack[n:]
