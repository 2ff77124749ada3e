"""The quick way in for what tills send by the thousand: good requests only; all others take the plain way."""
