"""What a night tells whoever watches from outside: spans and metrics for OpenTelemetry, figures for CloudWatch."""
