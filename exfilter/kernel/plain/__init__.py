"""What the kernel looks for, in plain Python: one module a kind. ``exfilter.kernel.reference`` joins them."""
