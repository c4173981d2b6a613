"""The messages of the service, made from its .proto."""
