"""``python -m unet_book.cli``, as torchrun needs it."""

import sys

from unet_book.cli import main

if __name__ == "__main__":
    sys.exit(main())
