"""Names of the SDK's inner modules that scripts import."""
