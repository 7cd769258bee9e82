"""U-Net, taken apart: one room for each idea of Ronneberger, Fischer and Brox (2015).

The modules follow the data's path: ``datasets`` gives images with instance labels, ``weight_map``
and ``augmentation`` make training tiles of them, ``unet``, ``initialization`` and ``loss`` are the
network and its energy, ``training`` fits it, ``overlap_tile`` applies it to any image, ``metrics``
says how good it is.
"""

__version__ = "0.1.0"
