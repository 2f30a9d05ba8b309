"""Stand-ins for models that are asked about other things than a comment, and one to try optimisers on."""
