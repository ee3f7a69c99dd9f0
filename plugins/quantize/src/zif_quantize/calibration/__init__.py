"""Ranges of tensors: from samples to least and greatest values, which samples are held out, and which method."""
