"""Where the parts of a stage are worked on, past one machine."""
