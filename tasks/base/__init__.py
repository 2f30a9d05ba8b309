"""What every room stands on: settings, paths, errors, ports, frames, safe text, figures, how a stage is run."""
