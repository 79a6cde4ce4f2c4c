"""Machines fine-tune a model together: Flower carries the parameters that train, Thaw trains them."""
