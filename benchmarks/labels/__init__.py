"""A project of many labels: imports, filtered pages, search, groups, and bulk actions beside people's own.

The labels are made by the product: annotations of three boxes and an answer each are uploaded as JSON Lines and
imported, then tasks assign, review and tag them. Only the images are not: their assets are written straight into the
labels service's table as stored, all of them with one of a few files that were really uploaded, because decoding a
million images is measured elsewhere (`benchmarks.imports`) and no list of labels reads them. Where a million take too
long, `--times 10` imports a tenth of them and copies it in the database.

Each question is asked through the gateway, and in the same run the same SQL is put to PostgreSQL by psycopg: what the
handler sends is recorded (`questions.Recorder`), so the floor is the query itself, without gateway, RPC and models.
"""
