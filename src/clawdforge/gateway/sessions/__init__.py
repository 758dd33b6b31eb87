"""Sessions: conversations that are kept. Start reading at `service`."""
