"""Subscriptions: answers that come again when something has changed, over SSE and WebSocket."""
