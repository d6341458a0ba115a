"""The roof: settings, addresses, the embedded server. It imports every app and none imports it."""
