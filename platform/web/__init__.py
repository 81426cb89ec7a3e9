"""What every request passes through, whatever it asks for: pure ASGI, knowing no shop."""
