"""What is sent to an OpenTelemetry collector, where the standard OTEL_* variables name one, and to CloudWatch.

`switch` reads the variables, `conventions` is the one table of names, `facts` is what a night says of itself,
`night_trace` sends it. OpenTelemetry's SDK is an extra, and is imported only when something is to be sent.
Never here: a comment's text, a message, a secret; a tracer provider for the whole process, which is Prefect's.
"""
