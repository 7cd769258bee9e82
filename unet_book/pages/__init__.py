"""What only the book's pages need: figures, checks of exercises, records, the claim ledger.

Nobody who trains a network on images of their own has to read any of it; the rooms beside this
folder, which hold the paper's ideas, import nothing from it.
"""
