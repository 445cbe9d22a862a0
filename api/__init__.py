"""The shop over HTTP: the functions of orderlib, with addresses.

    python -m api                         # http://localhost:8021, the documentation at /docs

Read in this order:

    routes.py      the table: one line for each address
    app.py         how a request becomes a call, and what comes back an answer
    problems.py    how an error becomes a problem document (RFC 9457)
    guard.py       who gets in
    schemas.py     what a signature says
    openapi.py     the description of it all, made from the routes and the signatures
    reader.py      the same as a page to read
    postman.py     the same as a collection for Postman
    server.py      the program that listens, and how it stops
    __main__.py    the command
"""
