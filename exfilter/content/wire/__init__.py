"""What bodies are made of on the wire: object formats without a schema, and framings around a body.

The object formats (``messagepack``, ``cbor``, ``bson``, ``protobuf``) are walked here and not by a library:
the libraries build objects, many times as large as the bytes, and give nothing where the bytes are cut off
or broken. A walk takes a ``Window`` of the stream and puts values into ``Rows``, which makes text of them;
``walk`` says which bytes are such a format.
"""
