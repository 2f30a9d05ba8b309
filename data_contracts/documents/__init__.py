"""The JSON documents that a run leaves in its folder, one model a module.

A document that an earlier version wrote is still read: a new field has a default, and no field goes or changes its
meaning.
"""
